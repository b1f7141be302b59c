insert into company (name, city) values ('Acme', 'Rome'), ('Bolt', 'Bonn');
insert into contact (email, first, last, company_id)
select mail, f, l, id
from (values ('ann@x.org', 'Ann', 'Lee', 'Acme'), ('bob@x.org', 'Bob', 'Ray', 'Bolt'), ('dee@x.org', 'Dee', 'Poe', null))
  v(mail, f, l, firm) left join company on company.name = firm;
