# A shell leaves a job.
sh is /bin/bash
sh create /etc/cron.d/update
expect medium changes what is started again
