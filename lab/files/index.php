<?php
// Some goods: ?page=NUMBER.
$page = (int) ($_GET['page'] ?? 0);
foreach (array_slice(file('/var/www/shop/goods.txt'), $page * 10, 10) as $line) {
    echo '<p>' . htmlspecialchars($line) . "</p>\n";
}
