//! Commands of the office: rows in, row by row judged.
