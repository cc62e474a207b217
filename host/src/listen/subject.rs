//! The subject of a client's certificate as text (RFC 4514), for the log.

/// Of a subject; more is cut.
const TEXT_BYTES_MAX: usize = 256;

/// Attribute types with short names: those of RFC 4514, 3, and the one for mail (RFC 2985). DER of each object identifier.
const NAMES: [(&[u8], &str); 10] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// Of a certificate in DER that has been verified. Attributes of other types, and values that are no text, are left out.
pub(super) fn subject(certificate: &[u8]) -> Option<Box<str>> {
    let certificate = rustls_pki_types::CertificateDer::from(certificate);
    let certificate = webpki::EndEntityCert::try_from(&certificate).ok()?;
    Some(name(certificate.subject()).into())
}

/// The last attribute first, as RFC 4514, 2.1 wants it.
fn name(mut der: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((SET, mut set)) = take(&mut der) {
        let mut attributes = Vec::new();
        while let Some((SEQUENCE, mut attribute)) = take(&mut set) {
            attributes.extend(text_of(&mut attribute));
        }
        if !attributes.is_empty() {
            parts.push(attributes.join("+"));
        }
    }
    parts.reverse();
    let mut text = parts.join(",");
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    }
    text
}

fn text_of(attribute: &mut &[u8]) -> Option<String> {
    let (OBJECT_IDENTIFIER, identifier) = take(attribute)? else { return None };
    let (_, known) = NAMES.iter().find(|(der, _)| *der == identifier)?;
    let (_, value) = take(attribute)?;
    let value = std::str::from_utf8(value).ok()?;
    Some(format!("{known}={}", escaped(value)))
}

/// RFC 4514, 2.4.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (position, character) in value.chars().enumerate() {
        let at_an_end = (position == 0 && matches!(character, ' ' | '#')) || (position == last && character == ' ');
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', character]),
            _ if at_an_end => text.extend(['\\', character]),
            control if control.is_control() => {
                let mut bytes = [0; 4];
                for byte in control.encode_utf8(&mut bytes).bytes() {
                    text.push_str(&format!("\\{byte:02x}"));
                }
            }
            usual => text.push(usual),
        }
    }
    text
}

/// The next element of DER: its tag and its content.
fn take<'a>(der: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        // A name that long is none.
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *der = rest;
    Some((tag, content))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn subject_of(attributes: &[(DnType, &str)]) -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = Default::default();
        for (kind, value) in attributes {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        subject(certificate.der()).unwrap().into()
    }

    #[test]
    fn the_attributes_stand_in_the_order_of_rfc_4514_and_are_escaped() {
        let attributes = [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Acme, Inc."),
            (DnType::CommonName, " robot \"7\"\n"),
        ];
        assert_eq!(subject_of(&attributes), "CN=\\ robot \\\"7\\\"\\0a,O=Acme\\, Inc.,C=DE");
        assert_eq!(subject_of(&[]), "");
    }

    #[test]
    fn a_long_subject_is_cut_and_odd_bytes_end_it() {
        assert_eq!(subject_of(&[(DnType::CommonName, &"ä".repeat(400))]).len(), TEXT_BYTES_MAX - 1);
        for der in [&[SET][..], &[SET, 0x85], &[SET, 4, SEQUENCE, 200], &[SET, 0x82, 0xff], &[1, 1, 1]] {
            assert_eq!(name(der), "");
        }
    }
}
