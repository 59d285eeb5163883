-- What is needed to check the copy without the office, and to add up like the office with columns that this version does not know.

-- Key of the row hashes, 32 bytes; NULL until the next root is applied.
ALTER TABLE feed ADD COLUMN hash_key BLOB;

CREATE TABLE foreign_column (
    -- Columns of a newer schema that segments brought: their values are not kept. A version that knows them asks for them alone.
    table_id   INTEGER NOT NULL,
    column_id  INTEGER NOT NULL,
    PRIMARY KEY (table_id, column_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE foreign_row (
    -- Rows that have values in such columns: their _hash counts these too, so what is kept of them has a hash of its own.
    table_id  INTEGER NOT NULL,
    row_id    INTEGER NOT NULL,
    own_hash  INTEGER NOT NULL,             -- of the values that are kept, as a signed number
    PRIMARY KEY (table_id, row_id)
) STRICT, WITHOUT ROWID;
