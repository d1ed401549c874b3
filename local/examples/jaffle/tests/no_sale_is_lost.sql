-- What the days add up to is what the orders add up to.
select days.revenue, orders.revenue
from (select sum(revenue) as revenue from {{ ref('daily_sales') }}) as days
cross join (select sum(amount) as revenue from {{ ref('orders') }} where status <> 'cancelled') as orders
where days.revenue is distinct from orders.revenue
