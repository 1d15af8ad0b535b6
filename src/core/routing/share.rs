//! Which of several trunks a call tries first when they share the calls.

use holdfast_base::{Entropy, TrunkName};

/// The trunks in the order in which one call tries them: each is drawn with chances by its share,
/// those without a share come last. Without any shares they stay in their order.
pub fn order(trunks: &[TrunkName], weights: &[u16], entropy: &mut Entropy) -> Vec<TrunkName> {
    let share = |at: usize| weights.get(at).copied().map_or(0, u64::from);
    let mut left: Vec<(u64, &TrunkName)> =
        trunks.iter().enumerate().map(|(at, trunk)| (share(at), trunk)).collect();
    let mut order = Vec::with_capacity(left.len());
    loop {
        let sum: u64 = left.iter().map(|(share, _)| share).sum();
        if sum == 0 {
            order.extend(left.into_iter().map(|(_, trunk)| trunk.clone()));
            return order;
        }
        let drawn = entropy.number() % sum;
        let mut running = 0;
        let at = left.iter().position(|(share, _)| {
            running += share;
            drawn < running
        });
        order.push(left.remove(at.unwrap_or(0)).1.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::order;
    use holdfast_base::{Entropy, TrunkName};

    fn names(names: &[&str]) -> Vec<TrunkName> {
        names.iter().map(|name| TrunkName::new(name)).collect()
    }

    #[test]
    fn without_shares_the_order_stays() {
        let trunks = names(&["a", "b", "c"]);
        let mut entropy = Entropy::new([1; 32]);
        assert_eq!(order(&trunks, &[], &mut entropy), trunks);
        assert_eq!(order(&trunks, &[0, 0, 0], &mut entropy), trunks);
        assert_eq!(entropy.number(), Entropy::new([1; 32]).number(), "nothing was drawn");
    }

    #[test]
    fn a_share_is_a_chance_to_be_first() {
        let trunks = names(&["a", "b", "c", "d"]);
        let mut entropy = Entropy::new([1; 32]);
        let mut first = [0; 4];
        for _ in 0..1000 {
            let order = order(&trunks, &[60, 40, 0, 0], &mut entropy);
            assert_eq!(order.get(2..), trunks.get(2..));
            for (count, trunk) in first.iter_mut().zip(&trunks) {
                *count += i32::from(order.first() == Some(trunk));
            }
        }
        let [a, b, ..] = first;
        assert!((550..=650).contains(&a) && a + b == 1000, "{first:?}");
    }
}
