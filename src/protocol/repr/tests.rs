use super::*;

#[test]
fn floats_are_written_as_python_does() {
    for (f, want) in [
        (0.1, "0.1"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e100, "1e+100"),
        (1e-5, "1e-05"),
        (1e-4, "0.0001"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1.5e-7, "1.5e-07"),
        (1.234_567_890_123_45e200, "1.23456789012345e+200"),
        (5e-324, "5e-324"),
        (f64::NAN, "nan"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        assert_eq!(float_repr(f), want);
    }
}

#[test]
fn strings_choose_their_quotes() {
    for (s, want) in [
        ("a", "'a'"),
        ("it's", "\"it's\""),
        ("\"'", "'\"\\''"),
        ("a\\b\n\t\r", "'a\\\\b\\n\\t\\r'"),
        ("\u{0}\u{7f}\u{a0}\u{ad}é", "'\\x00\\x7f\\xa0\\xadé'"),
        ("\u{2028}\u{fffe}\u{e000}", "'\\u2028\\ufffe\\ue000'"),
        (
            "\u{1f600}\u{e0001}e\u{301}",
            "'\u{1f600}\\U000e0001e\u{301}'",
        ),
    ] {
        assert_eq!(pyrepr(&s.into()), want);
    }
    assert_eq!(
        pyrepr(&Value::Bytes(b"a'\xff\n".to_vec())),
        "b\"a'\\xff\\n\""
    );
}

#[test]
fn dates_are_constructor_calls() {
    for (value, want) in [
        (
            Value::DateTime("2030-01-02T00:00:00".into()),
            "datetime.datetime(2030, 1, 2, 0, 0)",
        ),
        (
            Value::DateTime("2030-01-02T03:04:05.000006+00:00".into()),
            "datetime.datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)",
        ),
        (
            Value::DateTime("2030-01-02T03:04:00-05:00".into()),
            "datetime.datetime(2030, 1, 2, 3, 4, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=68400)))",
        ),
        (
            Value::Date("2030-01-02".into()),
            "datetime.date(2030, 1, 2)",
        ),
        (Value::Time("03:04:05".into()), "datetime.time(3, 4, 5)"),
        (Value::Decimal("1.50".into()), "Decimal('1.50')"),
    ] {
        assert_eq!(pyrepr(&value), want);
    }
    assert_eq!(
        pystr(&Value::DateTime("2030-01-02T03:04:05+05:30".into())),
        "2030-01-02 03:04:05+05:30"
    );
}

#[test]
fn saferepr_stops_at_three_levels() {
    let deep = Value::List(vec![Value::List(vec![Value::List(vec![1.into()])])]);
    assert_eq!(args_repr(&[deep]), "([[[...]]],)");
    assert_eq!(args_repr(&[]), "()");
    assert_eq!(
        args_repr(&["a'b\\".into(), Value::Null]),
        "('a\\'b\\', None)"
    );
}

#[test]
fn saferepr_closes_what_it_cuts() {
    let many = Value::List((0..1000).map(Value::from).collect::<Vec<_>>());
    let text = args_repr(&[many]);
    assert!(text.ends_with(", ...],)"), "{text}");
    assert!(text.chars().count() < 1050);
    let long = saferepr(&"word ".repeat(1000).into());
    assert!(long.ends_with("word...'"), "{long}");
}
