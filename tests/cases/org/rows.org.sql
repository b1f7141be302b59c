-- what the org says, each record in words that mean the same in both systems
with a as (select id, jsonb_build_array(name, billing_street, billing_city, billing_state, billing_postal_code,
    billing_country, case account_type when 'Household Account' then 'household' when 'Organization' then 'organization' end)
    as said from account),
c as (select c.id, email, jsonb_build_array(salutation, concat_ws(' ', first_name, last_name), lower(email), phone, title,
    x.said, y.said) as said
  from contact c left join a x on x.id = account_id left join a y on y.id = primary_affiliation__c)
select 'account' as kind, id::text, said::text, null as asked from a
union all select 'contact', id::text, said::text, null from c
union all select 'opportunity', o.id::text, jsonb_build_array(name, trim_scale(amount::numeric),
    case stage_name when 'Closed Won' then 'won' else lower(stage_name) end, dont_create_payments, x.said, y.said)::text,
    close_date
  from opportunity o left join a x on x.id = o.account_id left join c y on y.id = primary_contact__c
