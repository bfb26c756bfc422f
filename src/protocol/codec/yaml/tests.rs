use super::*;

fn read(text: &str) -> Value {
    from_slice(text.as_bytes()).unwrap()
}

#[test]
fn plain_scalars_follow_yaml_1_1() {
    for (text, want) in [
        ("", Value::Null),
        ("~", Value::Null),
        ("yes", true.into()),
        ("Off", false.into()),
        ("y", "y".into()),
        ("12", 12.into()),
        ("+1_000", 1000.into()),
        ("0o17", "0o17".into()),
        ("017", 15.into()),
        ("09", "09".into()),
        ("0x1F", 31.into()),
        ("-0b101", (-5).into()),
        ("1:30", 90.into()),
        ("190:20:30", 685_230.into()),
        (
            "99999999999999999999",
            Value::BigInt("99999999999999999999".into()),
        ),
        ("1.5", 1.5.into()),
        ("1.", 1.0.into()),
        (".5", 0.5.into()),
        ("1e5", "1e5".into()),
        ("1.0e+5", 1e5.into()),
        ("1.0e5", "1.0e5".into()),
        ("-.inf", f64::NEG_INFINITY.into()),
        ("1:30.5", 90.5.into()),
        ("2030-01-02", Value::Date("2030-01-02".into())),
        (
            "2030-01-02T03:04:05Z",
            Value::DateTime("2030-01-02T03:04:05+00:00".into()),
        ),
        (
            "2030-01-02 3:04:05.5 +5:30",
            Value::DateTime("2030-01-02T03:04:05.500000+05:30".into()),
        ),
        (
            "2030-01-02 03:04:05",
            Value::DateTime("2030-01-02T03:04:05".into()),
        ),
        ("'12'", "12".into()),
        ("! 12", "12".into()),
        ("!!str 12", "12".into()),
        ("!!float 1", 1.0.into()),
        ("!!int '7'", 7.into()),
        ("!<tag:yaml.org,2002:int> '7'", 7.into()),
        ("!!binary aGVs\n  bG8=", Value::Bytes(b"hello".to_vec())),
        ("!!set {a, b}", Value::List(vec!["a".into(), "b".into()])),
        ("[a, 1]", Value::List(vec!["a".into(), 1.into()])),
        (
            "{1: a, null: b, true: c}",
            Value::from([
                ("1", "a".into()),
                ("null", "b".into()),
                ("true", "c".into()),
            ]),
        ),
        (
            "- a\n- b: 1",
            Value::List(vec!["a".into(), Value::from([("b", 1.into())])]),
        ),
        (
            "[&x [1], *x]",
            Value::List(vec![
                Value::List(vec![1.into()]),
                Value::List(vec![1.into()]),
            ]),
        ),
        (
            "a: &d {x: 1, y: 2}\nb: {<<: *d, y: 3}",
            Value::from([
                ("a", Value::from([("x", 1.into()), ("y", 2.into())])),
                ("b", Value::from([("x", 1.into()), ("y", 3.into())])),
            ]),
        ),
    ] {
        assert_eq!(read(text), want, "{text}");
    }
    assert!(matches!(read(".nan"), Value::Float(f) if f.is_nan()));
}

#[test]
fn tags_that_make_objects_are_refused() {
    for text in [
        "!!python/object/apply:os.system ['true']",
        "!!python/tuple [1]",
        "!thing {}",
        "!!int x",
        "!!set [a]",
        "--- 1\n--- 2\n",
        "{[1]: 2}",
        "*x",
        "&x [*x]",
        "[1",
        "\u{0}",
    ] {
        assert!(
            matches!(
                from_slice(text.as_bytes()),
                Err(ProtocolError::Decode { .. })
            ),
            "{text}"
        );
    }
}

#[test]
fn aliases_are_not_multiplied_without_bound() {
    let mut text = "- &a0 [x]\n".to_owned();
    for i in 1..40 {
        text.push_str(&format!("- &a{i} [*a{0}, *a{0}]\n", i - 1));
    }
    let error = from_slice(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("multiply"), "{error}");
}

#[test]
fn deep_nesting_is_an_error() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(10_000),
    ] {
        assert!(from_slice(text.as_bytes()).is_err());
    }
}

#[test]
fn what_is_written_is_read_back() {
    let value = Value::from([
        ("null", Value::Null),
        ("yes", true.into()),
        (
            "n\"\\\n\u{85}\u{2028}\u{feff}\u{7f}é\u{1f600}",
            "- : # [".into(),
        ),
        ("", "".into()),
        (
            "ints",
            Value::List(vec![
                0.into(),
                i64::MIN.into(),
                Value::BigInt("-99999999999999999999".into()),
            ]),
        ),
        (
            "floats",
            Value::List(vec![
                1e100.into(),
                1e-7.into(),
                0.1.into(),
                f64::INFINITY.into(),
                2.0.into(),
            ]),
        ),
        ("bytes", Value::Bytes(vec![0, 255, 10])),
        (
            "at",
            Value::DateTime("2030-01-02T03:04:05.678000-05:00".into()),
        ),
        ("naive", Value::DateTime("2030-01-02T03:04:05".into())),
        ("date", Value::Date("2030-01-02".into())),
        (
            "empty",
            Value::List(vec![
                Value::List(vec![]),
                Value::Map(crate::protocol::Map::new()),
            ]),
        ),
        (&"long ".repeat(500), 1.into()),
    ]);
    let bytes = to_vec(&value).unwrap();
    assert_eq!(from_slice(&bytes).unwrap(), value);
    assert!(to_vec(&Value::Decimal("1".into())).is_err());
}

#[test]
fn utf16_with_a_byte_order_mark_is_read() {
    let bytes: Vec<u8> = "\u{feff}[é]"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(from_slice(&bytes).unwrap(), Value::List(vec!["é".into()]));
}
