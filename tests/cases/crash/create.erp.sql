insert into firms (title, town) values ('Cord', 'Cork');
insert into people (mail, name, tel, firm)
select v.* , firm_no from (values ('cy@x.org', 'Cy Fox', '1'), ('DEE@x.org', 'Dee Poe', '2')) v, firms where title = 'Cord';
