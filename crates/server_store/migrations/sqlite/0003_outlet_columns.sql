-- Schema 2 of the rows that travel: an outlet's sales channel and term of payment.

ALTER TABLE outlet ADD COLUMN channel TEXT;            -- in the office's words; NULL = not known
ALTER TABLE outlet ADD COLUMN payment_days INTEGER;    -- days after shipping; NULL = not known
