create table company (id bigserial primary key, name text, city text, updated timestamptz default clock_timestamp());
create table contact (id bigserial primary key, email text, first text, last text, phone varchar(40),
  company_id bigint references company(id) on delete cascade, tags text, updated timestamptz default clock_timestamp());
create function touch() returns trigger language plpgsql as 'begin new.updated = clock_timestamp(); return new; end';
create trigger t before update on company for each row execute function touch();
create trigger t before update on contact for each row execute function touch();
