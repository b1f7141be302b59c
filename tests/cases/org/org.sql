create table account (id bigserial primary key, name text not null, billing_street text, billing_city text,
  billing_state text, billing_postal_code text, billing_country text, account_type text, record_type_id varchar(18),
  syncd_id__c text unique, last_modified timestamptz not null default clock_timestamp());
create table contact (id bigserial primary key, salutation text, first_name text, last_name text not null, email text,
  phone text, title text, account_id bigint references account, primary_affiliation__c bigint references account,
  syncd_id__c text unique, last_modified timestamptz not null default clock_timestamp());
create table opportunity (id bigserial primary key, name text not null, amount text, stage_name text not null,
  close_date text, dont_create_payments boolean, account_id bigint references account,
  primary_contact__c bigint references contact,
  syncd_id__c text unique, last_modified timestamptz not null default clock_timestamp());
create index on contact (account_id); create index on contact (primary_affiliation__c);
create index on opportunity (account_id); create index on opportunity (primary_contact__c);
create function touch() returns trigger language plpgsql as
  'begin new.last_modified = clock_timestamp(); return new; end';
create trigger touch before update on account for each row execute function touch();
create trigger touch before update on contact for each row execute function touch();
create trigger touch before update on opportunity for each row execute function touch();
