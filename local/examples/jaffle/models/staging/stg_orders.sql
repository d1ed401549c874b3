-- depends_on: {{ ref('raw_orders') }}
select
    id as order_id,
    customer_id,
    ordered_at,
    ordered_at::date as ordered_on,
    status
from {{ source('shop', 'orders') }}
