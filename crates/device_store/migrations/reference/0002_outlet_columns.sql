-- Schema 2 of the rows that travel (protocol::version::SCHEMA).
ALTER TABLE outlet ADD COLUMN channel TEXT;
ALTER TABLE outlet ADD COLUMN payment_days INTEGER;
