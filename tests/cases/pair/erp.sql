create table firms (firm_no bigserial primary key, syncd_id text unique, title text not null, town varchar(30));
create table people (person_no bigserial primary key, syncd_id text unique, mail text, name text, tel text,
  firm bigint references firms(firm_no), labels text[]);
