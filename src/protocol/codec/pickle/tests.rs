use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn read(base64: &str) -> Result<Value, ProtocolError> {
    from_slice(&STANDARD.decode(base64).unwrap())
}

/// Pickles that Celery's database back end stored (rows_pickle.json).
#[test]
fn celery_results_are_written_byte_for_byte() {
    for (base64, value) in [
        ("gAROLg==", Value::Null),
        ("gARLKi4=", 42.into()),
        ("gASVCgAAAAAAAABHP/gAAAAAAAAu", 1.5.into()),
        ("gASVCgAAAAAAAACMBmjDqWxsb5Qu", "héllo".into()),
        (
            "gASVDAAAAAAAAABdlChLAYwBYZROZS4=",
            Value::List(vec![1.into(), "a".into(), Value::Null]),
        ),
        (
            "gASVEAAAAAAAAAB9lIwBa5RdlChLAUsCZXMu",
            Value::from([("k", Value::List(vec![1.into(), 2.into()]))]),
        ),
        (
            "gASVVwAAAAAAAACMCGRhdGV0aW1llIwIZGF0ZXRpbWWUk5RDCgfuAQIDBAUKW/SUaACMCHRpbWV6b25llJOUaACMCXRpbWVkZWx0YZSTlEsASwBLAIeUUpSFlFKUhpRSlC4=",
            Value::DateTime("2030-01-02T03:04:05.678900+00:00".into()),
        ),
        (
            "gASVIgAAAAAAAACMB2RlY2ltYWyUjAdEZWNpbWFslJOUjAQxLjUwlIWUUpQu",
            Value::Decimal("1.50".into()),
        ),
        (
            "gASVMAAAAAAAAACMBHV1aWSUjARVVUlElJOUKYGUfZSMA2ludJSKEHhWNBJ4VjQSeFY0EnhWNBJzYi4=",
            Value::Uuid(uuid::Uuid::from_u128(
                0x1234_5678_1234_5678_1234_5678_1234_5678,
            )),
        ),
        ("gASVBwAAAAAAAABDA/8A/pQu", Value::Bytes(vec![255, 0, 254])),
        (
            "gASVDAAAAAAAAACKCQAAAAAAAAAAQC4=",
            Value::BigInt("1180591620717411303424".into()),
        ),
        (
            "gASVIAAAAAAAAACMCGRhdGV0aW1llIwEZGF0ZZSTlEMEB+4BApSFlFKULg==",
            Value::Date("2030-01-02".into()),
        ),
        (
            "gASVIgAAAAAAAACMCGRhdGV0aW1llIwEdGltZZSTlEMGAwQFAAAAlIWUUpQu",
            Value::Time("03:04:05".into()),
        ),
    ] {
        assert_eq!(read(base64).unwrap(), value);
        assert_eq!(
            STANDARD.encode(to_vec(&value).unwrap()),
            base64,
            "{value:?}"
        );
    }
}

#[test]
fn exceptions_are_read_and_written() {
    let base64 = "gASVLQAAAAAAAACMCGJ1aWx0aW5zlIwKVmFsdWVFcnJvcpSTlIwJYmFkIHRoaW5nlEsqhpRSlC4=";
    let exception = Exception::new(
        "builtins",
        "ValueError",
        vec!["bad thing".into(), 42.into()],
    );
    assert_eq!(read(base64).unwrap(), exception.to_value());
    assert_eq!(
        STANDARD.encode(exception_to_vec(&exception).unwrap()),
        base64
    );

    let many = Exception::new("m", "Outer.InnerError", (0..5).map(Value::from).collect());
    let bytes = exception_to_vec(&many).unwrap();
    assert_eq!(exception_from_slice(&bytes).unwrap(), many);
    assert_eq!(from_slice(&bytes).unwrap(), many.to_value());
}

/// `RuntimeError('obj', Opaque())` (rows_pickle.json).
#[test]
fn an_argument_of_an_unknown_class_is_shown_as_text() {
    let base64 = "gASVPgAAAAAAAACMCGJ1aWx0aW5zlIwMUnVudGltZUVycm9ylJOUjANvYmqUjAZjYXBhcHCUjAZPcGFxdWWUk5QpgZSGlFKULg==";
    let exception = Exception::from_value(&read(base64).unwrap()).unwrap();
    assert_eq!(exception.exc_message[1], "<capapp.Opaque object>".into());
}

#[test]
fn other_classes_are_named_and_not_called() {
    for (bytes, name) in [
        (&b"cos\nsystem\n(S'true'\ntR."[..], "os.system"),
        (
            b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
            "os.system",
        ),
        (b"ccapapp\nOpaque\n)\x81.", "capapp.Opaque"),
        (b"cbuiltins\neval\n.", "builtins.eval"),
        (
            b"cdatetime\ntimedelta\n(K\x01K\x02K\x03tR.",
            "datetime.timedelta",
        ),
        (
            b"ccopy_reg\n_reconstructor\n(cm\nThing\nc__builtin__\nobject\nNtR.",
            "m.Thing",
        ),
    ] {
        let error = from_slice(bytes).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(exception_from_slice(b"cos\nsystem\n(S'true'\ntR.").is_err());
    assert!(exception_from_slice(b"K\x01.").is_err());
}

#[test]
fn old_protocols_are_read() {
    // pickle.dumps(..., 0), 1 and 2 of Python 3.
    for (bytes, want) in [
        (&b"I01\n."[..], Value::Bool(true)),
        (b"I-5\n.", (-5).into()),
        (
            b"L123456789012345678901L\n.",
            Value::BigInt("123456789012345678901".into()),
        ),
        (b"F1e+100\n.", 1e100.into()),
        (
            b"Va\\u000ab\\U0001f600\\x\np0\n.",
            "a\nb\u{1f600}\\x".into(),
        ),
        (b"S'it\\'s\\n\\xc3\\xa9'\n.", "it's\né".into()),
        (b"(lp0\nI1\naI2\na.", Value::List(vec![1.into(), 2.into()])),
        (b"(dp0\nVa\np1\nI1\ns.", Value::from([("a", 1.into())])),
        (
            b"c_codecs\nencode\np0\n(V\xff\np1\nVlatin1\np2\ntp3\nRp4\n.",
            Value::Bytes(vec![255]),
        ),
        (
            b"c__builtin__\nset\np0\n((lp1\nI1\natp2\nRp3\n.",
            Value::List(vec![1.into()]),
        ),
        (
            b"ccollections\nOrderedDict\n)RVa\nI1\ns.",
            Value::from([("a", 1.into())]),
        ),
    ] {
        assert_eq!(from_slice(bytes).unwrap(), want);
    }
}

#[test]
fn hostile_pickles_are_an_error() {
    let mut deep = vec![b']'; 100_000];
    deep.extend(vec![b'a'; 99_999]);
    deep.push(b'.');
    // A list in itself.
    let cycle = b"\x80\x04]\x94h\x00a.";
    // Each list holds the one before twice: 2^64 items.
    let mut bomb = vec![0x80, 4];
    bomb.extend(b"]\x94K\x00a");
    for i in 0..64_u8 {
        bomb.extend([b']', 0x94, b'(', b'h', i, b'h', i, b'e']);
    }
    bomb.push(b'.');
    let mut long = vec![0x8b];
    long.extend(5000_u32.to_le_bytes());
    long.extend(vec![0x7f; 5000]);
    long.push(b'.');
    for bytes in [
        &deep[..],
        cycle,
        &bomb,
        &long,
        b"",
        b".",
        b"a.",
        b"(.",
        b"R.",
        b"h\x05.",
        b"\x80\x09N.",
        b"X\xff\xff\xff\xff.",
    ] {
        assert!(matches!(
            from_slice(bytes),
            Err(ProtocolError::Decode { .. })
        ));
    }
}

#[test]
fn every_truncation_is_an_error() {
    let value = Value::from([
        (
            "a",
            Value::List(vec![
                1.into(),
                Value::DateTime("2030-01-02T03:04:05+05:30".into()),
            ]),
        ),
        ("b", Value::Uuid(uuid::Uuid::nil())),
        ("c", Value::BigInt("-99999999999999999999".into())),
    ]);
    let bytes = to_vec(&value).unwrap();
    assert_eq!(from_slice(&bytes).unwrap(), value);
    for end in 0..bytes.len() {
        assert!(from_slice(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn integers_of_every_size_come_back() {
    for digits in [
        "128",
        "-128",
        "-129",
        "255",
        "256",
        "-32769",
        "9223372036854775808",
        "-9223372036854775809",
        "340282366920938463463374607431768211456",
        "-1000000000000000000000000000000000000000",
    ] {
        let value = integer::from_digits(digits).unwrap();
        assert_eq!(
            from_slice(&to_vec(&value).unwrap()).unwrap(),
            value,
            "{digits}"
        );
        let bytes = integer::to_bytes(digits).unwrap();
        assert_eq!(integer::from_bytes(&bytes).unwrap(), value, "{digits}");
    }
    let most = "9".repeat(4300);
    let value = Value::BigInt(most);
    assert_eq!(from_slice(&to_vec(&value).unwrap()).unwrap(), value);
    assert!(to_vec(&Value::BigInt("9".repeat(4301))).is_err());
}
