update firms set town = 'Oslo' where title = 'Acme';
update firms set town = 'Paris' where title = 'Bolt';
update people set tel = '3' where mail = 'bob@x.org';
insert into people (mail, name, firm) select 'eve@x.org', 'Eve Orr', firm_no from firms where title = 'Acme';
delete from people where lower(mail) = 'dee@x.org';
update people set firm = null where mail = 'ann@x.org';
