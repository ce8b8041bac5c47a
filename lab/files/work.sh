# Somebody works on a host by ssh: ADDRESS ACCOUNT KEY SEED. At most 400 sessions, some with a terminal.
RANDOM=$4
ssh="ssh -i $3 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR $2@$1"
tasks=(
    'ls -la; df -h / | tail -1; uptime'
    'mkdir -p notes; date >> notes/today.txt; wc -l notes/today.txt'
    'tail -n 5 /var/log/uptime.log; grep -c . /etc/services'
    'ps ax | head -20; ss -tn | wc -l'
    'cp -r notes notes.old 2>/dev/null; tar -czf notes.tgz notes 2>/dev/null; ls -l'
    'sed -i s/20/21/ notes/today.txt 2>/dev/null; cat notes/today.txt'
    'python3 -c "print(sum(range(1000)))"; find . -name "*.txt" -newer /etc/hostname'
    'sudo -n ls /root; sudo -n systemctl --version | head -1'
    'sudo -n sh -c "grep -v ^# /etc/sudoers | head -3; cat /var/log/*.log | tail -3"'
    'sudo -n timeout 1 strace -c ls > trace.txt 2>&1; tail -2 trace.txt'
    'printf "echo set up\n" > setup.sh; cat setup.sh | sh'
    'echo "# seen" | sudo -n tee -a /etc/sudoers.d/deploy > /dev/null; sudo -n visudo -c -f /etc/sudoers.d/deploy; sudo -n tail -1 /etc/sudoers.d/deploy'
    'awk -F: "{print \$7}" /etc/passwd | sort | uniq -c'
)
for n in $(seq 400); do
    task=${tasks[RANDOM % ${#tasks[@]}]}
    if [ $((RANDOM % 3)) = 0 ]; then
        printf '%s\nexit\n' "$task" | timeout 20 $ssh -tt > /dev/null 2>&1
    else
        timeout 20 $ssh "$task" > /dev/null 2>&1 < /dev/null
    fi
    tenths=$(((10 + RANDOM % 4 * 10 + RANDOM % 10) * ${PACE:-1}))
    sleep $((tenths / 10)).$((tenths % 10))
done
