//! Rows as columns, written as CSV and as Parquet, and votes, blocks and states read back from CSV.

use std::{io, sync::Arc};

use parquet::{
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::{parser::parse_message_type, types::Type},
};

/// Rows that are turned into columns at a time, and rows of a Parquet row group.
const CHUNK: usize = 65_536;

/// Values of one column.
pub(crate) enum Values {
    Numbers(Vec<u64>),
    /// An absent number is an empty field, or null.
    Maybe(Vec<Option<u64>>),
    Floats(Vec<Option<f64>>),
    Flags(Vec<bool>),
    Texts(Vec<String>),
}

impl Values {
    fn field(&self, row: usize) -> String {
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        match self {
            Self::Numbers(values) => values[row].to_string(),
            Self::Maybe(values) => or_empty(values[row].map(|value| value.to_string())),
            Self::Floats(values) => or_empty(values[row].map(|value| value.to_string())),
            Self::Flags(values) => values[row].to_string(),
            Self::Texts(values) => values[row].clone(),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "REQUIRED INT64",
            Self::Maybe(_) => "OPTIONAL INT64",
            Self::Floats(_) => "OPTIONAL DOUBLE",
            Self::Flags(_) => "REQUIRED BOOLEAN",
            Self::Texts(_) => "REQUIRED BYTE_ARRAY",
        }
    }

    const fn suffix(&self) -> &'static str {
        match self {
            Self::Texts(_) => " (UTF8)",
            _ => "",
        }
    }
}

/// Something that fills a row of named columns.
pub(crate) trait Row: Sized {
    /// The columns of some rows, of all the same length; their names and kinds don't depend on the rows.
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)>;
}

/// Picks one column out of rows.
macro_rules! column {
    ($rows:ident, $kind:ident, $row:ident => $value:expr) => {
        $crate::table::Values::$kind($rows.iter().map(|$row| $value).collect())
    };
}
pub(crate) use column;

/// Writes rows as CSV with a line of names.
pub(crate) fn write_csv<R: Row>(rows: &[R], out: impl io::Write) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(R::columns(&[]).iter().map(|(name, _)| *name))?;
    for chunk in rows.chunks(CHUNK) {
        let columns = R::columns(chunk);
        for row in 0..chunk.len() {
            writer.write_record(columns.iter().map(|(_, values)| values.field(row)))?;
        }
    }
    writer.flush()?;
    Ok(())
}

fn schema<R: Row>() -> Result<Type, ParquetError> {
    let columns = R::columns(&[]);
    let fields = columns
        .iter()
        .map(|(name, values)| format!("{} {name}{};", values.kind(), values.suffix()));
    parse_message_type(&format!(
        "message rows {{ {} }}",
        fields.collect::<String>()
    ))
}

/// Present values, and for each row whether there is one.
fn split<T: Copy>(values: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
    let levels = values.iter().map(|value| i16::from(value.is_some()));
    (values.iter().flatten().copied().collect(), levels.collect())
}

/// A number as Parquet has it; virtual times and counts stay far below 2⁶³.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Writes rows as Parquet, uncompressed.
pub(crate) fn write_parquet<R: Row>(
    rows: &[R],
    out: impl io::Write + Send,
) -> Result<(), ParquetError> {
    let properties = WriterProperties::builder().build();
    let schema = Arc::new(schema::<R>()?);
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    for chunk in rows.chunks(CHUNK) {
        let mut group = writer.next_row_group()?;
        for (_, values) in R::columns(chunk) {
            let Some(mut column) = group.next_column()? else {
                break;
            };
            match values {
                Values::Numbers(values) => {
                    let values: Vec<i64> = values.into_iter().map(signed).collect();
                    column
                        .typed::<Int64Type>()
                        .write_batch(&values, None, None)?;
                }
                Values::Maybe(values) => {
                    let (values, levels) = split(&values);
                    let values: Vec<i64> = values.into_iter().map(signed).collect();
                    column
                        .typed::<Int64Type>()
                        .write_batch(&values, Some(&levels), None)?;
                }
                Values::Floats(values) => {
                    let (values, levels) = split(&values);
                    column
                        .typed::<DoubleType>()
                        .write_batch(&values, Some(&levels), None)?;
                }
                Values::Flags(values) => {
                    column
                        .typed::<BoolType>()
                        .write_batch(&values, None, None)?;
                }
                Values::Texts(values) => {
                    let texts = values.iter().map(|text| ByteArray::from(text.as_str()));
                    let texts: Vec<ByteArray> = texts.collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&texts, None, None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::RowAccessor,
    };

    use super::*;

    struct Sample {
        number: u64,
        maybe: Option<u64>,
        float: Option<f64>,
        flag: bool,
        text: &'static str,
    }

    impl Row for Sample {
        fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
            vec![
                ("number", column!(rows, Numbers, row => row.number)),
                ("maybe", column!(rows, Maybe, row => row.maybe)),
                ("float", column!(rows, Floats, row => row.float)),
                ("flag", column!(rows, Flags, row => row.flag)),
                ("text", column!(rows, Texts, row => row.text.to_owned())),
            ]
        }
    }

    const ROWS: [Sample; 2] = [
        Sample {
            number: 7,
            maybe: None,
            float: Some(0.5),
            flag: true,
            text: "a",
        },
        Sample {
            number: 8,
            maybe: Some(9),
            float: None,
            flag: false,
            text: "b",
        },
    ];

    #[test]
    fn absent_values_are_empty_fields() {
        let mut out = Vec::new();
        write_csv(&ROWS, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "number,maybe,float,flag,text\n7,,0.5,true,a\n8,9,,false,b\n"
        );
    }

    #[test]
    fn parquet_holds_the_same_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        write_parquet(&ROWS, std::fs::File::create(&path).unwrap()).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let rows: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[0].get_long(0).unwrap(), rows[1].get_long(1).unwrap()),
            (7, 9)
        );
        assert!(rows[0].get_long(1).is_err() && rows[1].get_double(2).is_err());
        assert_eq!(rows[0].get_double(2).unwrap(), 0.5);
        assert!(rows[0].get_bool(3).unwrap() && rows[1].get_string(4).unwrap() == "b");
    }
}
