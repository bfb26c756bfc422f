use std::collections::BTreeMap;

use serde::Serialize;

use super::*;

#[derive(Serialize)]
enum Shape {
    Unit,
    New(i32),
    Pair(i32, i32),
    Named { x: f32 },
}

#[test]
fn shapes_are_those_of_serde_json() {
    let shapes = [
        Shape::Unit,
        Shape::New(1),
        Shape::Pair(1, 2),
        Shape::Named { x: 0.1 },
    ];
    let value = to_value(&shapes).unwrap();
    assert_eq!(
        super::super::codec::json::to_string(&value),
        r#"["Unit",{"New":1},{"Pair":[1,2]},{"Named":{"x":0.1}}]"#
    );
    assert_eq!(
        serde_json::to_string(&shapes).unwrap(),
        serde_json::to_string(&value).unwrap()
    );
}

#[test]
fn what_json_lacks_is_kept() {
    assert_eq!(
        to_value(&u128::MAX).unwrap(),
        Value::BigInt(u128::MAX.to_string())
    );
    assert_eq!(
        to_value(&i128::MIN).unwrap(),
        Value::BigInt(i128::MIN.to_string())
    );
    assert!(matches!(to_value(&f64::NAN).unwrap(), Value::Float(f) if f.is_nan()));
    let keys: BTreeMap<i32, Option<char>> = [(1, Some('a')), (-2, None)].into();
    assert_eq!(
        to_value(&keys).unwrap(),
        Value::from([("-2", Value::Null), ("1", "a".into())])
    );
    assert_eq!(
        to_value(&BTreeMap::from([(true, ())])).unwrap(),
        Value::from([("true", Value::Null)])
    );
}

#[test]
fn a_value_passes_unchanged() {
    let value = Value::List(vec![
        Value::DateTime("2030-01-02T03:04:05+00:00".into()),
        Value::Date("2030-01-02".into()),
        Value::Time("03:04".into()),
        Value::Decimal("1.50".into()),
        Value::Uuid(Uuid::nil()),
        Value::Bytes(vec![1, 2]),
        Value::BigInt("9".repeat(50)),
        Value::BigInt(u64::MAX.to_string()),
    ]);
    assert_eq!(to_value(&value).unwrap(), value);
    assert_eq!(
        serde_json::to_string(&Value::List(vec![
            f64::NAN.into(),
            Value::Decimal("1.50".into())
        ]))
        .unwrap(),
        r#"[null,"1.50"]"#
    );
}

#[test]
fn errors_name_the_field() {
    #[derive(Serialize)]
    struct Outer {
        inner: Inner,
    }
    #[derive(Serialize)]
    struct Inner {
        map: BTreeMap<Vec<u8>, i32>,
    }
    let outer = Outer {
        inner: Inner {
            map: [(vec![1], 1)].into(),
        },
    };
    let error = to_value(&outer).unwrap_err().to_string();
    assert!(
        error.contains("`inner.map`: a key can't be a list"),
        "{error}"
    );
}

#[test]
fn deep_values_are_refused() {
    let mut value = Value::Null;
    for _ in 0..300 {
        value = Value::List(vec![value]);
    }
    assert!(matches!(
        to_value(&value),
        Err(ProtocolError::Encode { .. })
    ));
}
