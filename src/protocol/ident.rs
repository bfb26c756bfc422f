//! An id or tag in little space.

use std::fmt;

use uuid::Uuid;

/// Text that is nearly always a uuid: 24 bytes where a `String` takes 72. Any other text is kept as it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Ident {
    /// A uuid, written as Python writes it: lowercase, with hyphens.
    Uuid(Uuid),
    /// Other text.
    Text(Box<str>),
}

impl Ident {
    /// Whether it stands for this text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Uuid(uuid) => {
                *uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text
            }
            Self::Text(own) => **own == *text,
        }
    }
}

impl From<&str> for Ident {
    fn from(text: &str) -> Self {
        match Uuid::try_parse(text) {
            Ok(uuid) if Self::Uuid(uuid).is(text) => Self::Uuid(uuid),
            _ => Self::Text(text.into()),
        }
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.hyphenated().fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was() {
        for text in [
            "0e4f4b9c-5d1b-4d33-9f51-5f8f0b8e1b11",
            "0E4F4B9C-5D1B-4D33-9F51-5F8F0B8E1B11",
            "0e4f4b9c5d1b4d339f515f8f0b8e1b11",
            "{0e4f4b9c-5d1b-4d33-9f51-5f8f0b8e1b11}",
            "",
            "my-task",
        ] {
            let ident = Ident::from(text);
            assert_eq!(ident.to_string(), text);
            assert!(ident.is(text));
            assert!(!ident.is("other"));
        }
        assert!(matches!(
            Ident::from("0e4f4b9c-5d1b-4d33-9f51-5f8f0b8e1b11"),
            Ident::Uuid(_)
        ));
        assert_eq!(size_of::<Ident>(), 24);
    }
}
