select
    orders.order_id,
    orders.customer_id,
    orders.ordered_on,
    orders.status,
    sum(items.quantity) as items,
    sum(items.amount) as amount
from {{ ref('stg_orders') }} as orders
inner join {{ ref('stg_order_items') }} as items using (order_id)
group by all
