use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Unit,
    New(i32),
    Pair(i32, i32),
    Named { x: f32 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Meters(f64);

#[derive(Debug, PartialEq, Deserialize)]
struct Job {
    name: String,
    #[serde(default)]
    size: Option<u8>,
    tags: Vec<String>,
}

fn read<T: de::DeserializeOwned>(json: &str) -> Result<T, ProtocolError> {
    from_value(super::super::codec::json::from_slice(json.as_bytes()).unwrap())
}

#[test]
fn shapes_are_those_of_serde_json() {
    let shapes: Vec<Shape> =
        read(r#"["Unit",{"Unit":null},{"New":1},{"Pair":[1,2]},{"Named":{"x":0.5}}]"#).unwrap();
    assert_eq!(
        shapes,
        [
            Shape::Unit,
            Shape::Unit,
            Shape::New(1),
            Shape::Pair(1, 2),
            Shape::Named { x: 0.5 }
        ]
    );
    assert_eq!(read::<Meters>("2").unwrap(), Meters(2.0));
    assert_eq!(
        read::<(i32, Option<String>)>("[1,null]").unwrap(),
        (1, None)
    );
    assert_eq!(
        read::<BTreeMap<i64, bool>>(r#"{"1":true}"#).unwrap(),
        [(1, true)].into()
    );
}

#[test]
fn values_of_python_are_text_or_bytes() {
    assert_eq!(
        from_value::<String>(Value::Decimal("1.50".into())).unwrap(),
        "1.50"
    );
    let uuid = uuid::Uuid::from_u128(7);
    assert_eq!(
        from_value::<String>(Value::Uuid(uuid)).unwrap(),
        uuid.to_string()
    );
    assert_eq!(
        from_value::<Vec<u8>>(Value::Bytes(vec![1, 255])).unwrap(),
        [1, 255]
    );
    assert_eq!(
        from_value::<u128>(Value::BigInt(u128::MAX.to_string())).unwrap(),
        u128::MAX
    );
    assert_eq!(
        from_value::<i128>(Value::BigInt(i128::MIN.to_string())).unwrap(),
        i128::MIN
    );
    assert!(from_value::<i64>(Value::BigInt("9".repeat(30))).is_err());
    assert!(from_value::<i64>(Value::Float(1.0)).is_err());
    assert!(from_value::<f64>(Value::Float(f64::NAN)).unwrap().is_nan());
}

#[test]
fn errors_name_the_place() {
    for (json, want) in [
        (r#"{"tags":[]}"#, "missing field `name`"),
        (
            r#"{"name":1,"tags":[]}"#,
            "`name`: invalid type: integer `1`, expected a string",
        ),
        (r#"{"name":"a","tags":["x",2]}"#, "`tags[1]`: invalid type"),
        (
            r#"{"name":"a","size":256,"tags":[]}"#,
            "`size`: invalid value: integer `256`, expected u8",
        ),
        ("[1]", "invalid type: integer `1`"),
    ] {
        let error = read::<Job>(json).unwrap_err();
        assert!(matches!(error, ProtocolError::Invalid { .. }));
        assert!(error.to_string().contains(want), "{error}");
    }
    let error = read::<BTreeMap<String, Job>>(r#"{"a":{"name":"a","tags":[null]}}"#).unwrap_err();
    assert!(error.to_string().contains("`a.tags[0]`"), "{error}");
    assert!(read::<(i32, i32)>("[1,2,3]").is_err());
}

#[test]
fn a_value_is_read_as_it_is() {
    #[derive(Debug, Deserialize)]
    struct Holder {
        inner: Value,
    }
    let holder: Holder = read(r#"{"inner":{"a":[1,NaN,18446744073709551615]}}"#).unwrap();
    let list = holder.inner.as_map().unwrap()["a"].as_list().unwrap();
    assert_eq!(list[2], Value::BigInt(u64::MAX.to_string()));
    let all = Value::from([
        ("a", Value::DateTime("2030-01-02T03:04:05+00:00".into())),
        (
            "b",
            Value::List(vec![
                Value::Decimal("1.50".into()),
                Value::Uuid(uuid::Uuid::nil()),
            ]),
        ),
        ("c", Value::BigInt("9".repeat(50))),
        ("d", Value::Bytes(vec![255])),
    ]);
    assert_eq!(from_value::<Value>(all.clone()).unwrap(), all);
    let value: Value = serde_json::from_str(r#"{"a":[1,2.5,null,"x"]}"#).unwrap();
    assert_eq!(
        super::super::codec::json::to_string(&value),
        r#"{"a":[1,2.5,null,"x"]}"#
    );
}
