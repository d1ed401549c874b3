-- depends_on: {{ ref('raw_customers') }}
select
    id as customer_id,
    name as customer_name,
    city,
    joined_on
from {{ source('shop', 'customers') }}
