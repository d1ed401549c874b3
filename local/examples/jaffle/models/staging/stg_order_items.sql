-- depends_on: {{ ref('raw_order_items') }}
select
    order_id,
    line,
    product,
    quantity,
    {{ euros('quantity * unit_price_cents') }} as amount
from {{ source('shop', 'order_items') }}
