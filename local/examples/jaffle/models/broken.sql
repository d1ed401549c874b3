{# Fails on purpose: `dbt run --select broken --vars '{"enable_broken": true}'` shows what a failed run looks like. #}
{{ config(enabled=var('enable_broken')) }}

select no_such_column from {{ ref('orders') }}
