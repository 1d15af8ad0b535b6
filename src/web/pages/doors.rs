//! The two doors into the page: the claim of a new box, and the login.

use maud::{Markup, html};

use super::icon::Mood;
use super::shell;
use crate::auth::accounts::USER_CHARS_MAX;
use crate::auth::password::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};

/// What a form shows beside its fields.
pub(crate) struct Form<'a> {
    /// Name of the site.
    pub(crate) site: &'a str,
    /// What the post must bring, beside the cookie of the same value.
    pub(crate) csrf: &'a str,
    /// Why the last try did not succeed.
    pub(crate) wrong: Option<&'a str>,
    /// The user name of the last try.
    pub(crate) user: &'a str,
}

/// The claim page.
pub(crate) fn claim(form: &Form<'_>) -> Markup {
    let password_hint =
        format!("At least {PASSWORD_CHARS_MIN} characters. A short sentence is good.");
    let fields = html! {
        label for="code" { "Claim code" }
        input #code name="code" required autofocus autocomplete="off" autocapitalize="characters"
            spellcheck="false" maxlength="32" aria-describedby="code-hint";
        p.hint #code-hint { "Shown on the console of the box and in its journal." }
        (user_field(form.user))
        label for="password" { "New password" }
        input #password name="password" type="password" required
            minlength=(PASSWORD_CHARS_MIN) maxlength=(PASSWORD_BYTES_MAX)
            autocomplete="new-password" aria-describedby="password-hint";
        p.hint #password-hint { (password_hint) }
        button.wanted type="submit" { "Claim this box" }
    };
    let says = "This box has no owner yet. Whoever holds its code becomes the first user.";
    door(&Door { title: "Claim this box", says, to: "/claim" }, form, fields)
}

/// The login page.
pub(crate) fn login(form: &Form<'_>) -> Markup {
    let fields = html! {
        (user_field(form.user))
        label for="password" { "Password" }
        input #password name="password" type="password" required
            maxlength=(PASSWORD_BYTES_MAX) autocomplete="current-password";
        button.wanted type="submit" { "Log in" }
    };
    let says = "Local account. Works without internet.";
    door(&Door { title: "Log in", says, to: "/login" }, form, fields)
}

fn user_field(user: &str) -> Markup {
    html! {
        label for="user" { "User" }
        input #user name="user" required value=(user) maxlength=(USER_CHARS_MAX)
            autocomplete="username" autocapitalize="none" spellcheck="false";
    }
}

struct Door {
    title: &'static str,
    says: &'static str,
    to: &'static str,
}

fn door(door: &Door, form: &Form<'_>, fields: Markup) -> Markup {
    let title = format!("{} \u{b7} {}", door.title, form.site);
    shell::page(
        &title,
        html! {},
        html! {
            main.door {
                p.brand { "Holdfast" }
                h1 { (form.site) }
                p { (door.says) }
                @if let Some(wrong) = form.wrong {
                    p.wrong role="alert" { (Mood::Bad.sign()) span { (wrong) } }
                }
                form method="post" action=(door.to) {
                    input type="hidden" name="csrf" value=(form.csrf);
                    (fields)
                }
            }
        },
    )
}
