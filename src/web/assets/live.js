// The live page: replaces fragments as the box sends them, lets timers run on, says how old the
// data are, and carries orders. Everything shown comes from the server; nothing is decided here.

/** Silence after which the page says that it is blind, in milliseconds: three heartbeats. */
const BLIND_AFTER_MS = 3000;
/** A picture older than this is called stale although the box still talks, in milliseconds. */
const STALE_AFTER_MS = 3000;
/** How soon a closed stream is tried again, in milliseconds. */
const RETRY_MS = 2000;
/** How often changes are spoken by a screen reader at most, in milliseconds. */
const SPEAK_EVERY_MS = 15000;
/** How long the result of an order stays, in milliseconds. */
const RESULT_MS = 8000;
/** Priority points of a caller that was put ahead. */
const RAISE_POINTS = 10;

const PARTS = ["health", "queues", "agents", "calls", "cdrs"];
const byId = (id) => document.getElementById(id);
const site = byId("site");
const age = byId("age");
const result = byId("result");
const csrf = document.querySelector("meta[name=csrf]").content;

// ---- The clock of the box -------------------------------------------------------------------

/** Wall clock of the box minus ours: timers follow the box even when this computer is wrong. */
let skewMs = Number(age.dataset.now) - Date.now();
/** When the picture was taken, by the clock of the box. */
let pictureMs = Number(age.dataset.at);
/** When we last heard anything, by a clock that never jumps. */
let heardAt = performance.now();
/** When we last heard anything, for people. */
let heardWall = new Date();

const boxNow = () => Date.now() + skewMs;
const two = (number) => String(number).padStart(2, "0");

function spanText(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const clockText = (date) =>
  `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** Sets a text only when it differs, so that nothing is laid out or spoken again in vain. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tickTimers(root) {
  const now = boxNow();
  for (const timer of root.querySelectorAll("[data-since]")) {
    write(timer, spanText(now - Number(timer.dataset.since)));
  }
  for (const timer of root.querySelectorAll("[data-until]")) {
    write(timer, spanText(Number(timer.dataset.until) - now + 999));
  }
}

/** Instants are written in UTC by the server and shown in the zone of the reader. */
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    write(time, clockText(date));
    time.title = date.toLocaleString();
  }
}

function tickAge() {
  const silentMs = performance.now() - heardAt;
  const ageMs = Math.max(0, boxNow() - pictureMs);
  const blind = silentMs > BLIND_AFTER_MS;
  const stale = blind || ageMs > STALE_AFTER_MS;
  site.classList.toggle("stale", stale);
  age.classList.toggle("stale", stale);
  if (blind) {
    write(age, `No data since ${clockText(heardWall)}, trying again`);
  } else if (stale) {
    write(age, `Data ${spanText(ageMs)} old: the box answers, its calls loop does not`);
  } else {
    write(age, `Live \u00b7 data ${Math.floor(ageMs / 1000)} s old`);
  }
  for (const button of site.querySelectorAll("button[data-order]")) button.disabled = blind;
  if (stale) speak(age.textContent);
}

// ---- Fragments ------------------------------------------------------------------------------

/** News that came while a finger or mouse was down: a button must not go away under it. */
const held = new Map();
let pointerDown = false;
/** Where the pointer was last: in the column that is read. */
let pointerX = null;

/** The first thing in view that can be found again, and where it stands. */
function inView() {
  if (window.scrollY === 0) return null;
  const top = document.querySelector(".top").getBoundingClientRect().bottom;
  const x = pointerX ?? site.getBoundingClientRect().left + site.clientWidth / 4;
  for (let y = Math.max(0, top) + 8; y < window.innerHeight; y += 24) {
    const seen = document.elementFromPoint(x, y)?.closest("#site [id]");
    if (seen) return { id: seen.id, top: seen.getBoundingClientRect().top };
  }
  return null;
}

/** Puts a fragment in place. What is read stays where it is, and the focus on the same button; when
    that is gone, on the title of its part. */
function replace(part, html) {
  if (pointerDown) {
    held.set(part, html);
    return;
  }
  const place = byId(part);
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  const seen = inView();
  place.innerHTML = html;
  tickTimers(place);
  localTimes(place);
  const moved = seen && byId(seen.id)?.getBoundingClientRect().top - seen.top;
  if (moved) window.scrollBy({ top: moved, behavior: "instant" });
  if (focused) (byId(focused) ?? byId(`${part}-title`)).focus({ preventScroll: true });
  if (part === "queues") speak(summary());
}

function release() {
  pointerDown = false;
  const news = [...held];
  held.clear();
  for (const [part, html] of news) replace(part, html);
}

addEventListener("pointermove", (event) => {
  pointerX = event.clientX;
  if (pointerDown && event.buttons === 0) release(); // it was lifted outside of the window
}, { passive: true });
addEventListener("pointerdown", () => (pointerDown = true), true);
for (const end of ["pointerup", "pointercancel"]) {
  // After the click that the pointer makes.
  addEventListener(end, () => setTimeout(release), true);
}

let spoken = "";
let spokenAt = -SPEAK_EVERY_MS;

/** Tells a screen reader, rarely and only news. */
function speak(text) {
  if (text === spoken || performance.now() - spokenAt < SPEAK_EVERY_MS) return;
  [spoken, spokenAt] = [text, performance.now()];
  byId("spoken").textContent = text;
}

function summary() {
  const queues = [...byId("queues").querySelectorAll(".queue")];
  const waiting = (queue) => queue.querySelector(".figures dd").textContent.trim();
  return queues.map((q) => `${q.querySelector("h3").textContent}: ${waiting(q)} waiting`).join(". ");
}

// ---- The stream -----------------------------------------------------------------------------

function heard() {
  heardAt = performance.now();
  heardWall = new Date();
}

function listen() {
  const stream = new EventSource("/live");
  for (const part of PARTS) {
    stream.addEventListener(part, (event) => {
      heard();
      replace(part, event.data);
    });
  }
  stream.addEventListener("time", (event) => {
    heard();
    const { now, at } = JSON.parse(event.data);
    skewMs = now - Date.now();
    pictureMs = at;
    tickAge();
  });
  stream.addEventListener("bye", () => {
    stream.close();
    again();
  });
  stream.addEventListener("error", () => {
    // The browser tries again by itself unless the box refused.
    if (stream.readyState !== EventSource.CLOSED) return;
    again();
  });
}

/** Goes to the login when the session is over, else listens again a little later. */
async function again() {
  await new Promise((done) => setTimeout(done, RETRY_MS));
  try {
    const status = await (await fetch("/api/v1/status", { cache: "no-store" })).json();
    if (!status.session) {
      location.assign(status.claimed ? "/login" : "/claim");
      return;
    }
    listen();
  } catch {
    again();
  }
}

// ---- Orders ---------------------------------------------------------------------------------

let resultTimer = 0;

function say(text, wrong) {
  clearTimeout(resultTimer);
  result.hidden = false;
  result.textContent = text;
  result.classList.toggle("bad", wrong);
  resultTimer = setTimeout(() => (result.hidden = true), RESULT_MS);
}

/** Asks in a dialog; true when the person agrees. */
function ask(dialog, name) {
  for (const place of dialog.querySelectorAll(".name")) place.textContent = name;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}

/** The path of a target of a trunk. */
const targetPath = (trunk, target) =>
  `trunks/${encodeURIComponent(trunk)}/targets/${encodeURIComponent(target)}`;

/** What a supervisor does, for people. */
const MODES = {
  listen: "Listen, heard by nobody",
  whisper: "Whisper, heard by the agent alone",
  barge: "Barge in, heard by both",
};

/** What each button orders: path, body, and the sentence when it is done. Null: thought better. */
const ORDERS = {
  async on_duty({ agent, name }) {
    return [`agents/${encodeURIComponent(agent)}/duty`, { duty: "on_duty" }, `${name} is on duty.`];
  },
  async off_duty({ agent, name }) {
    const reason = byId("reason");
    reason.value = "";
    if (!(await ask(byId("ask-off"), name))) return null;
    const duty = { off_duty: reason.value.trim() };
    return [`agents/${encodeURIComponent(agent)}/duty`, { duty }, `${name} is off duty.`];
  },
  async release({ agent, name }) {
    return [`agents/${encodeURIComponent(agent)}/release`, null, `${name} can be offered calls.`];
  },
  async drain_on() {
    return ["drain", { on: true }, "New calls over trunks are refused; calls go on."];
  },
  async drain_off() {
    return ["drain", { on: false }, "New calls are taken again."];
  },
  async close_queue({ queue, name }) {
    return [`queues/${encodeURIComponent(queue)}/close`, {}, `${name} is closed for who calls now.`];
  },
  async open_queue({ queue, name }) {
    return [`queues/${encodeURIComponent(queue)}/open`, null, `${name} is open.`];
  },
  async target_on({ trunk, target }) {
    return [targetPath(trunk, target), { on: true }, `${target} may be used.`];
  },
  async target_off({ trunk, target }) {
    return [targetPath(trunk, target), { on: false }, `${target} is not used any more.`];
  },
  async end_call({ call, name }) {
    if (!(await ask(byId("ask-end"), name))) return null;
    return [`calls/${call}/end`, null, `The call from ${name} was ended.`];
  },
  async supervise({ call, name, who }) {
    const [supervisor, mode] = [byId("supervisor"), byId("supervision-mode")];
    const all = JSON.parse(who);
    const options = (pairs) => pairs.map(([value, text]) => new Option(text, value));
    const modes = () => all[supervisor.selectedIndex][2].map((mode) => [mode, MODES[mode]]);
    supervisor.replaceChildren(...options(all));
    supervisor.onchange = () => mode.replaceChildren(...options(modes()));
    supervisor.onchange();
    if (!(await ask(byId("ask-supervise"), name))) return null;
    const called = supervisor.selectedOptions[0].text;
    const body = { supervisor: supervisor.value, mode: mode.value };
    return [`calls/${call}/supervise`, body, `The phone of ${called} is being called.`];
  },
  async supervise_as({ call, supervisor, mode }) {
    return [`calls/${call}/supervise`, { supervisor, mode }, `${MODES[mode]}: done.`];
  },
  async supervise_end({ call, name }) {
    return [`calls/${call}/supervise/end`, null, `${name} was let go; the call goes on.`];
  },
  async raise({ contact, name }) {
    const body = { priority: RAISE_POINTS };
    return [`contacts/${contact}/priority`, body, `The caller ${name} was put ahead.`];
  },
};

async function give(button) {
  const order = await ORDERS[button.dataset.order](button.dataset);
  if (!order) return;
  const [path, body, done] = order;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`/api/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": csrf },
      body: body ? JSON.stringify(body) : undefined,
    });
    if (answer.ok) {
      say(done, false);
    } else {
      const { error, remedy } = await answer.json();
      say(`Not done: ${error}. ${remedy}`, true);
    }
  } catch {
    say("Not done: the box does not answer. Try again when data are live.", true);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

site.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-order]");
  if (button && !button.hasAttribute("aria-busy")) give(button);
});

// A phone shows calls and records on demand; whoever follows a link to them wants them.
const foldsOf = (root) => root.querySelectorAll("details");
if (matchMedia("(max-width: 46rem)").matches) {
  for (const fold of foldsOf(site)) fold.open = false;
}
for (const link of document.querySelectorAll(".top nav a")) {
  link.addEventListener("click", () => {
    for (const fold of foldsOf(byId(link.hash.slice(1).replace("-title", "")).closest("section"))) {
      fold.open = true;
    }
  });
}

document.documentElement.classList.add("live");
localTimes(document);
listen();
setInterval(() => {
  tickAge();
  // A timer that runs on without news would pretend to know.
  if (!site.classList.contains("stale")) tickTimers(site);
}, 250);
