select name, city, null, null from company union all
select lower(email), first || ' ' || last, phone, o.name from contact c left join company o on o.id = company_id
