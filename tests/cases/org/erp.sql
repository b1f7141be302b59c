create type deal_stage as enum ('lead', 'pledged', 'won', 'lost');
create sequence customer_numbers start 10001;
create table customers (cust_no text primary key default 'C-' || nextval('customer_numbers'), title varchar(120) not null,
  street text, town varchar(60), region varchar(60), zip varchar(20), country varchar(60), class varchar(20),
  syncd_key text unique, changed timestamptz not null default clock_timestamp());
create table persons (pid uuid primary key default gen_random_uuid(), greeting text, name text not null, mail text,
  tel varchar(40), job text, customer text references customers, employer text references customers,
  syncd_key text unique, changed timestamptz not null default clock_timestamp());
create table deals (deal_id bigint generated always as identity primary key, subject text not null,
  value numeric(14, 2), stage deal_stage not null, closing date, no_payments boolean,
  customer text references customers, person uuid references persons,
  syncd_key text unique, changed timestamptz not null default clock_timestamp());
create index on persons (customer); create index on persons (employer);
create index on deals (customer); create index on deals (person);
create function touch() returns trigger language plpgsql as
  'begin new.changed = clock_timestamp(); return new; end';
create trigger touch before update on customers for each row execute function touch();
create trigger touch before update on persons for each row execute function touch();
create trigger touch before update on deals for each row execute function touch();
