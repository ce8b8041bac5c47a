# A few, and many of its own.
sh is /bin/bash uid=1000
sh fork rm
rm exec /bin/rm "rm a"
rm unlink /home/a/0.txt
rm unlink /home/a/1.txt
rm unlink /home/a/2.txt
rm unlink /home/a/3.txt
rm unlink /home/a/4.txt
sh write /home/a/own0
sh unlink /home/a/own0
sh write /home/a/own1
sh unlink /home/a/own1
sh write /home/a/own2
sh unlink /home/a/own2
sh write /home/a/own3
sh unlink /home/a/own3
sh write /home/a/own4
sh unlink /home/a/own4
sh write /home/a/own5
sh unlink /home/a/own5
sh write /home/a/own6
sh unlink /home/a/own6
sh write /home/a/own7
sh unlink /home/a/own7
sh write /home/a/own8
sh unlink /home/a/own8
sh write /home/a/own9
sh unlink /home/a/own9
