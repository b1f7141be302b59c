update company set city = 'Bern' where name = 'Acme';
update contact set company_id = (select id from company where name = 'Bolt') where email = 'ann@x.org';
update contact set last = 'Roy' where email = 'bob@x.org';
delete from contact where email = 'cy@x.org';
update company set name = 'Bolts' where name = 'Bolt';
