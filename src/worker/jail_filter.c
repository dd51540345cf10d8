/* SPDX-License-Identifier: Apache-2.0
 * Which system calls a jailed process can make: what memory, threads, clocks and descriptors at hand need. Everything else
 * is refused with EPERM, which codecs take for a system that lacks it. */
#include "worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
enum {
    PAGEMAP_SCAN_REQUEST =
        0xc0606610 & 0x7fffffff, /* how Wasmtime finds pages that were written; compared without sign */
    SET_NAME = 15,                                  /* PR_SET_NAME */
    SET_VMA = 0x53564d41                            /* PR_SET_VMA: names for maps */
};

#ifdef ARCHITECTURE

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The low half of an argument: flags and commands, on machines that keep the low half first. */
#define LOAD_ARGUMENT(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define GIVE(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define REFUSE GIVE(SECCOMP_RET_ERRNO | EPERM)
#define ALLOW GIVE(SECCOMP_RET_ALLOW)
/* Runs the next instruction, or passes over one or more. */
#define IF_EQUAL(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, 1)
#define IF_EQUAL_ELSE(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, skip)
#define IF_ANY_BIT(value) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(value), 0, 1)
#define CALL(name) IF_EQUAL(SYS_##name), ALLOW

#define OWN_PID 0xfffffffe /* stands for it in the table */

static const struct sock_filter filter[] = {
    LOAD(arch),
    IF_EQUAL_ELSE(ARCHITECTURE, 1),
    BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
    GIVE(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    /* memory, but no new code */
    IF_EQUAL_ELSE(SYS_mmap, 8),
    LOAD_ARGUMENT(2),
    IF_ANY_BIT(PROT_EXEC),
    REFUSE,
    LOAD_ARGUMENT(3),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, MAP_SHARED | MAP_ANONYMOUS),
    IF_EQUAL(MAP_SHARED | MAP_ANONYMOUS), /* no limit of memory would count it */
    REFUSE,
    ALLOW,
    IF_EQUAL_ELSE(SYS_mprotect, 4),
    LOAD_ARGUMENT(2),
    IF_ANY_BIT(PROT_EXEC),
    REFUSE,
    ALLOW,
    CALL(munmap),
    CALL(mremap),
    CALL(madvise),
    CALL(brk),
    /* descriptors at hand */
    CALL(read),
    CALL(write),
    CALL(pread64),
    CALL(pwrite64),
    CALL(readv),
    CALL(writev),
    CALL(lseek),
    CALL(fstat),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(fadvise64),
    CALL(fsync),
    CALL(fdatasync),
    CALL(recvmsg),
    CALL(sendmsg),
    CALL(close),
    CALL(ppoll),
#ifdef SYS_poll
    CALL(poll),
#endif
    IF_EQUAL_ELSE(SYS_newfstatat, 4), /* is how glibc makes fstat */
    LOAD_ARGUMENT(3),
    IF_ANY_BIT(AT_EMPTY_PATH),
    ALLOW,
    REFUSE,
    IF_EQUAL_ELSE(SYS_fcntl, 10),
    LOAD_ARGUMENT(1),
    IF_EQUAL(F_GETFD),
    ALLOW,
    IF_EQUAL(F_GETFL),
    ALLOW,
    IF_EQUAL(F_SETFL),
    ALLOW,
    IF_EQUAL(F_GET_SEALS),
    ALLOW,
    REFUSE,
    IF_EQUAL_ELSE(SYS_ioctl, 5),
    LOAD_ARGUMENT(1),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7fffffff),
    IF_EQUAL(PAGEMAP_SCAN_REQUEST),
    ALLOW,
    REFUSE,
    /* threads, but no processes; clone3 hides its flags, and glibc does without it */
    IF_EQUAL_ELSE(SYS_clone, 4),
    LOAD_ARGUMENT(0),
    IF_ANY_BIT(CLONE_THREAD),
    ALLOW,
    REFUSE,
    IF_EQUAL(SYS_clone3),
    GIVE(SECCOMP_RET_ERRNO | ENOSYS),
    CALL(futex),
    CALL(set_robust_list),
    CALL(set_tid_address),
    CALL(rseq),
    CALL(gettid),
    CALL(getpid),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    CALL(membarrier),
    CALL(getrandom),
    CALL(getrusage),
    CALL(exit),
    CALL(exit_group),
    /* clocks and signals to itself */
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(nanosleep),
    CALL(gettimeofday),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(sigaltstack),
    CALL(restart_syscall),
    IF_EQUAL_ELSE(SYS_tgkill, 4),
    LOAD_ARGUMENT(0),
    IF_EQUAL(OWN_PID),
    ALLOW,
    REFUSE,
    IF_EQUAL_ELSE(SYS_prctl, 6),
    LOAD_ARGUMENT(0),
    IF_EQUAL(SET_NAME),
    ALLOW,
    IF_EQUAL(SET_VMA),
    ALLOW,
    REFUSE,
    REFUSE,
};

int smalti__jail_filter(void)
{
    struct sock_filter own[SMALTI__COUNT(filter)];
    const struct sock_fprog program = {.len = SMALTI__COUNT(own), .filter = own};
    memcpy(own, filter, sizeof own);
    for (size_t i = 0; i < SMALTI__COUNT(own); i++)
        if (own[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && own[i].k == OWN_PID)
            own[i].k = (uint32_t)getpid();
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0)
        return 0;
    return errno ? errno : EPERM;
}

#else

int smalti__jail_filter(void)
{
    return ENOSYS;
}

#endif
