<?php
// Takes an order: POST goods=NUMBER. It is kept in the database, if there is one, and in a folder.
require 'config.php';
header('Content-type: text/plain');
$goods = (int) ($_POST['goods'] ?? 0);
file_put_contents('/var/www/orders/order-' . ($goods % 40) . '.txt', date('c') . " $goods\n", FILE_APPEND);
if ($database) {
    echo shell_exec("psql -h $database -U postgres -t -c 'insert into orders values ($goods) returning goods' postgres 2>&1");
}
echo "Thank you for $goods\n";
