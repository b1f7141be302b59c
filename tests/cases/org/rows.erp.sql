-- what the ERP says, each record in words that mean the same in both systems
with a as (select cust_no, jsonb_build_array(title, street, town, region, zip, country, class) as said from customers),
c as (select pid, jsonb_build_array(greeting, name, lower(mail), tel, job, x.said, y.said) as said
  from persons left join a x on x.cust_no = customer left join a y on y.cust_no = employer)
select 'account' as kind, cust_no as id, said::text, null as asked from a
union all select 'contact', pid::text, said::text, null from c
union all select 'opportunity', deal_id::text, jsonb_build_array(subject, trim_scale(value), stage, no_payments,
    x.said, y.said)::text, closing::text
  from deals d left join a x on x.cust_no = d.customer left join c y on y.pid = person
