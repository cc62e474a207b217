use super::*;

fn stored(new: &NewKey) -> GatewayKey {
    GatewayKey {
        id: new.id.clone(),
        sha256: new.sha256,
        consumer: "acme".to_string(),
        scopes: vec!["chat".to_string()],
        expires: None,
        revoked: false,
    }
}

fn ring(keys: impl IntoIterator<Item = GatewayKey>) -> KeyRing {
    KeyRing::new(&keys.into_iter().map(|key| (key.id.clone(), key)).collect())
}

#[test]
fn the_owner_of_a_key_is_found_by_the_whole_key() {
    let (mine, other) = (generate().unwrap(), generate().unwrap());
    let ring = ring([stored(&mine), stored(&other)]);
    let owner = ring.identify(mine.key.as_bytes(), 0).unwrap();
    assert_eq!(*owner, KeyOwner { key_id: mine.id, consumer: "acme".to_string(), scopes: vec!["chat".to_string()] });
}

#[test]
fn a_known_id_with_another_secret_is_unknown() {
    let new = generate().unwrap();
    let forged = text::assemble(&new.id, &text::random(text::SECRET_BYTES).unwrap());
    let ring = ring([stored(&new)]);
    assert_eq!(ring.identify(forged.as_bytes(), 0), Err(KeyFailure::Unknown));
    assert_eq!(ring.identify(generate().unwrap().key.as_bytes(), 0), Err(KeyFailure::Unknown));
}

#[test]
fn a_key_ends_at_the_second_at_which_it_expires() {
    let new = generate().unwrap();
    let ring = ring([GatewayKey { expires: Some(1000), ..stored(&new) }]);
    assert!(ring.identify(new.key.as_bytes(), 999).is_ok());
    assert_eq!(ring.identify(new.key.as_bytes(), 1000), Err(KeyFailure::Expired));
}

#[test]
fn only_the_holder_learns_that_a_key_is_revoked() {
    let new = generate().unwrap();
    let forged = text::assemble(&new.id, &text::random(text::SECRET_BYTES).unwrap());
    let ring = ring([GatewayKey { revoked: true, expires: Some(1), ..stored(&new) }]);
    assert_eq!(ring.identify(new.key.as_bytes(), 1000), Err(KeyFailure::Revoked));
    assert_eq!(ring.identify(forged.as_bytes(), 1000), Err(KeyFailure::Unknown));
}

#[test]
fn a_new_key_has_the_documented_form_and_is_told_apart_from_every_other() {
    let keys: Vec<NewKey> = (0..200).map(|_| generate().unwrap()).collect();
    for new in &keys {
        assert_eq!((new.key.len(), KEY_BYTES), (65, 65));
        assert!(new.key.starts_with(&format!("sg_{}_", new.id)), "{}", new.key);
        assert_eq!(parse(new.key.as_bytes()), Some(new.id.as_str()));
        assert!(is_id(&new.id));
        assert_eq!(new.stored().len(), "sha256:".len() + 64);
    }
    let secrets: std::collections::BTreeSet<&str> = keys.iter().map(|new| new.key.as_str()).collect();
    assert_eq!(secrets.len(), keys.len());
    let letters: std::collections::BTreeSet<char> = keys.iter().flat_map(|new| new.key.chars()).collect();
    assert_eq!(letters.len(), 63, "62 digits and the underscore");
}

#[test]
fn an_id_that_nobody_could_present_is_told_apart() {
    for text in ["", "alice", "0123456789a", "0123456789abc", "0123456789a_", "0123456789ä"] {
        assert!(!is_id(text), "{text}");
    }
}

#[test]
fn the_text_of_a_key_does_not_change_between_versions() {
    let key = text::assemble("0123456789ab", &"Z".repeat(43));
    insta::assert_snapshot!(key, @"sg_0123456789ab_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ0Sz3J9");
}

#[test]
fn debug_output_shows_neither_key_nor_hash() {
    let new = generate().unwrap();
    let ring = ring([stored(&new)]);
    insta::assert_snapshot!(format!("{ring:?}"), @"KeyRing { keys: 1 }");
    assert_eq!(format!("{new:?}"), format!("NewKey {{ id: {:?}, .. }}", new.id));
}

/// Every change of one character, and 20,000 random mutations: none is taken for a key, none panics.
#[test]
fn no_mutation_of_a_key_is_taken_for_a_key() {
    let key = text::assemble("0123456789ab", &"Zx9".repeat(15)[..43]).into_bytes();
    assert!(parse(&key).is_some());
    for place in 0..key.len() {
        for byte in 0..=255 {
            let mut mutated = key.clone();
            mutated[place] = byte;
            assert_eq!(parse(&mutated).is_some(), mutated == key, "{mutated:?}");
        }
    }
    let mut state = 0x5eed_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    for _ in 0..20_000 {
        let mut mutated = key.clone();
        for _ in 0..=below(4) {
            let place = below(mutated.len().max(1));
            match below(4) {
                0 if place < mutated.len() => mutated[place] = below(256) as u8,
                1 if place < mutated.len() => drop(mutated.remove(place)),
                2 => mutated.insert(place, below(256) as u8),
                _ => mutated.truncate(place),
            }
        }
        assert_eq!(parse(&mutated).is_some(), mutated == key, "{mutated:?}");
    }
    for odd in [&b""[..], b"sg_", &[b'_'; 65], &[0xff; 65], &[0xc3; 65]] {
        assert_eq!(parse(odd), None);
    }
}
