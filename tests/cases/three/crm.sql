create sequence customer_numbers start 10001;
create table customers (cust_no text primary key default 'C-' || nextval('customer_numbers'), title varchar(120) not null,
  street text, town varchar(60), country varchar(60), syncd_key text unique);
create table persons (pid uuid primary key default gen_random_uuid(), greeting text, name text not null, mail text,
  tel varchar(40), job text, customer text references customers, syncd_key text unique);
create index on persons (customer);
create table deals (deal_no serial primary key, subject text, note text, stage text, customer text references customers,
  person uuid references persons on delete set null, syncd_key text unique);
create function test_rows() returns trigger language plpgsql as $$ begin
  perform pg_notify('test_rows', json_build_object('table', tg_table_name, 'at', extract(epoch from clock_timestamp()),
    'row', case when tg_op = 'DELETE' then null else row_to_json(new) end)::text);
  return null; end $$;
create trigger test_rows after insert or update or delete on customers for each row execute function test_rows();
create trigger test_rows after insert or update or delete on persons for each row execute function test_rows();
create trigger test_rows after insert or update or delete on deals for each row execute function test_rows();
