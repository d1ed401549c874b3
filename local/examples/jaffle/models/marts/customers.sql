select
    customers.customer_id,
    customers.customer_name,
    customers.city,
    count(orders.order_id) as orders,
    coalesce(sum(orders.amount), 0) as spent,
    max(orders.ordered_on) as last_ordered_on
from {{ ref('stg_customers') }} as customers
left join {{ ref('orders') }} as orders
    on orders.customer_id = customers.customer_id and orders.status <> 'cancelled'
group by all
