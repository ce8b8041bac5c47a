/* Makes another process run a shell in its place: PID COMMANDS. It stops it, puts a system call where it stands, and lets it go. */
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static void put(pid_t pid, unsigned long at, const void *from, size_t length) {
    for (size_t done = 0; done < length; done += sizeof(long)) {
        long word = 0;
        memcpy(&word, (const char *)from + done, length - done < sizeof word ? length - done : sizeof word);
        ptrace(PTRACE_POKEDATA, pid, at + done, word);
    }
}

int main(int count, char **words) {
    if (count != 3) return 2;
    pid_t pid = atoi(words[1]);
    struct user_regs_struct registers;
    if (ptrace(PTRACE_ATTACH, pid, 0, 0) || waitpid(pid, 0, 0) != pid || ptrace(PTRACE_GETREGS, pid, 0, &registers)) return 1;
    const char *texts[] = {"/bin/sh", "-c", words[2]};
    unsigned long arguments[4] = {0}, base = (registers.rsp - 16384) & ~15UL, at = base + sizeof arguments;
    for (int n = 0; n < 3; n++) {
        arguments[n] = at;
        put(pid, at, texts[n], strlen(texts[n]) + 1);
        at += (strlen(texts[n]) + 8) & ~7UL;
    }
    put(pid, base, arguments, sizeof arguments);
    long code = ptrace(PTRACE_PEEKTEXT, pid, registers.rip, 0);
    ptrace(PTRACE_POKETEXT, pid, registers.rip, (code & ~0xffffL) | 0x050f); /* syscall */
    registers.rax = 59;                                                        /* execve */
    registers.rdi = arguments[0], registers.rsi = base, registers.rdx = 0, registers.orig_rax = -1;
    ptrace(PTRACE_SETREGS, pid, 0, &registers);
    return ptrace(PTRACE_DETACH, pid, 0, 0) != 0;
}
