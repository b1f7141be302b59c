select title, town, null, null from firms union all
select lower(mail), name, tel, title from people left join firms on firm_no = firm
