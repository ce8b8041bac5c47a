<?php
// Looks for goods: ?q=WORDS. It has a hole: the words are given to a shell.
header('Content-type: text/plain');
echo shell_exec('grep -i -m 20 "' . ($_GET['q'] ?? '') . '" /var/www/shop/goods.txt 2>&1');
