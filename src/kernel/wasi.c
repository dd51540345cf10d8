/* SPDX-License-Identifier: Apache-2.0
 * WASI preview 1 as far as filters from standard input to standard output need it. A command gets the same answers in
 * every run: the clock stands at 0, and random bytes are those of a fixed seed, so that programs that seed a hash table
 * with them work and results do not differ from run to run. Every address and size from the guest is checked. */
#include "kernel/wasi.h"

static const char module_name[] = "wasi_snapshot_preview1";

/* errno values of the specification (witx, typenames: errno) */
enum { OK = 0, BADF = 8, FAULT = 21, INVAL = 28, NOTSUP = 58, SPIPE = 70 };
enum { FILETYPE_CHARACTER_DEVICE = 2 };
/* No deadline ends a host function: bound what one call may ask for. */
enum { MAX_BUFFERS = 65536 };
enum { RIGHT_FD_READ = 1 << 1, RIGHT_FD_WRITE = 1 << 6 };

/* The guest's bytes [address, address + size), or NULL. */
static uint8_t *guest(smalti__machine *machine, uint64_t address, uint64_t size)
{
    size_t bytes;
    uint8_t *memory = smalti__machine_memory(machine, &bytes);
    return address <= bytes && size <= bytes - address ? memory + address : NULL;
}

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool put(smalti__machine *machine, uint64_t address, uint64_t value, unsigned bytes)
{
    uint8_t *p = guest(machine, address, bytes);
    for (unsigned i = 0; p && i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * i);
    return p;
}

/* The next of a vector of buffers (address and size, 4 bytes each); NULL when it is not the guest's. */
static uint8_t *next_buffer(smalti__machine *machine, uint64_t vector, uint64_t index, uint32_t *size)
{
    const uint8_t *item = guest(machine, vector + index * 8, 8);
    if (!item)
        return NULL;
    *size = get32(item + 4);
    return guest(machine, get32(item), *size);
}

static bool fd_read(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    smalti__wasi *wasi = context;
    uint64_t total = 0;
    if (args[0] != 0) {
        *result = BADF;
        return true;
    }
    for (uint64_t i = 0; i < args[2] && wasi->input_used < wasi->input_size; i++) {
        uint32_t size;
        uint8_t *buffer = next_buffer(machine, args[1], i, &size);
        if (!buffer || i >= MAX_BUFFERS) {
            *result = buffer ? INVAL : FAULT;
            return true;
        }
        size_t left = wasi->input_size - wasi->input_used, n = size < left ? size : left;
        if (n)
            memcpy(buffer, wasi->input + wasi->input_used, n);
        wasi->input_used += n;
        total += n;
    }
    *result = put(machine, args[3], total, 4) ? OK : FAULT;
    return true;
}

/* false: the guest is to be stopped. */
static bool append_output(smalti__wasi *wasi, const uint8_t *data, size_t size)
{
    if (size > wasi->output_max - wasi->output_size) {
        wasi->failure = SMALTI_E_LIMIT;
        return false;
    }
    if (size > wasi->output_room - wasi->output_size) {
        size_t room = wasi->output_room < 65536 ? 65536 : wasi->output_room * 2;
        if (room < wasi->output_size + size)
            room = wasi->output_size + size;
        if (room > wasi->output_max)
            room = wasi->output_max;
        uint8_t *more = realloc(wasi->output, room);
        if (!more) {
            wasi->failure = SMALTI_E_NOMEM;
            return false;
        }
        wasi->output = more;
        wasi->output_room = room;
    }
    if (size)
        memcpy(wasi->output + wasi->output_size, data, size);
    wasi->output_size += size;
    return true;
}

static void append_errors(smalti__wasi *wasi, const uint8_t *data, size_t size)
{
    size_t room = sizeof wasi->errors - wasi->errors_used;
    smalti__printable(data, size, wasi->errors + wasi->errors_used, room);
    wasi->errors_used += strlen(wasi->errors + wasi->errors_used);
}

static bool fd_write(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    smalti__wasi *wasi = context;
    uint64_t total = 0;
    if (args[0] != 1 && args[0] != 2) {
        *result = BADF;
        return true;
    }
    for (uint64_t i = 0; i < args[2]; i++) {
        uint32_t size;
        const uint8_t *buffer = next_buffer(machine, args[1], i, &size);
        if (!buffer || total + size > INT32_MAX || i >= MAX_BUFFERS) {
            *result = buffer ? INVAL : FAULT;
            return true;
        }
        if (args[0] == 2)
            append_errors(wasi, buffer, size);
        else if (!append_output(wasi, buffer, size))
            return false;
        total += size;
    }
    *result = put(machine, args[3], total, 4) ? OK : FAULT;
    return true;
}

static bool fd_close(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)context, (void)machine;
    *result = args[0] <= 2 ? OK : BADF;
    return true;
}

static bool fd_fdstat_get(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)context;
    if (args[0] > 2) {
        *result = BADF;
        return true;
    }
    uint8_t *stat = guest(machine, args[1], 24); /* filetype, flags at 2, rights at 8, inherited rights at 16 */
    if (stat) {
        memset(stat, 0, 24);
        stat[0] = FILETYPE_CHARACTER_DEVICE;
        stat[8] = args[0] == 0 ? RIGHT_FD_READ : RIGHT_FD_WRITE;
    }
    *result = stat ? OK : FAULT;
    return true;
}

static bool fd_seek(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)context, (void)machine;
    *result = args[0] <= 2 ? SPIPE : BADF;
    return true;
}

/* No file is open beforehand. */
static bool no_such_file(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)context, (void)machine, (void)args;
    *result = BADF;
    return true;
}

static bool args_sizes_get(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    const smalti__wasi *wasi = context;
    uint64_t count = 0, bytes = 0;
    for (; wasi->args[count]; count++)
        bytes += strlen(wasi->args[count]) + 1;
    *result = put(machine, args[0], count, 4) && put(machine, args[1], bytes, 4) ? OK : FAULT;
    return true;
}

static bool args_get(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    const smalti__wasi *wasi = context;
    uint64_t pointer = args[0], text = args[1];
    *result = OK;
    for (size_t i = 0; wasi->args[i] && *result == OK; i++, pointer += 4) {
        size_t size = strlen(wasi->args[i]) + 1;
        uint8_t *to = guest(machine, text, size);
        if (to && put(machine, pointer, text, 4))
            memcpy(to, wasi->args[i], size);
        else
            *result = FAULT;
        text += size;
    }
    return true;
}

/* The environment is empty. */
static bool environ_sizes_get(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)context;
    *result = put(machine, args[0], 0, 4) && put(machine, args[1], 0, 4) ? OK : FAULT;
    return true;
}

static bool succeed(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)context, (void)machine, (void)args;
    *result = OK;
    return true;
}

static bool proc_exit(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)machine, (void)result;
    smalti__wasi *wasi = context;
    wasi->exited = true;
    wasi->exit_status = (uint32_t)args[0];
    return false;
}

static bool clock_res_get(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)context;
    *result = args[0] > 1 ? NOTSUP : put(machine, args[1], 1000000000, 8) ? OK : FAULT;
    return true;
}

static bool clock_time_get(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    (void)context;
    *result = args[0] > 1 ? NOTSUP : put(machine, args[2], 0, 8) ? OK : FAULT; /* real and monotonic time */
    return true;
}

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): SplitMix64. */
static bool random_get(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result)
{
    smalti__wasi *wasi = context;
    uint8_t *to = guest(machine, args[0], args[1]);
    for (uint64_t i = 0; to && i < args[1]; i += 8) {
        uint64_t z = wasi->random += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        z ^= z >> 31;
        memcpy(to + i, &z, args[1] - i < 8 ? args[1] - i : 8);
    }
    *result = to ? OK : FAULT;
    return true;
}

static const smalti__host hosts[] = {
    {"args_get", "ii", true, args_get},
    {"args_sizes_get", "ii", true, args_sizes_get},
    {"clock_res_get", "ii", true, clock_res_get},
    {"clock_time_get", "iIi", true, clock_time_get},
    {"environ_get", "ii", true, succeed},
    {"environ_sizes_get", "ii", true, environ_sizes_get},
    {"fd_close", "i", true, fd_close},
    {"fd_fdstat_get", "ii", true, fd_fdstat_get},
    {"fd_prestat_dir_name", "iii", true, no_such_file},
    {"fd_prestat_get", "ii", true, no_such_file},
    {"fd_read", "iiii", true, fd_read},
    {"fd_seek", "iIii", true, fd_seek},
    {"fd_write", "iiii", true, fd_write},
    {"proc_exit", "i", false, proc_exit},
    {"random_get", "ii", true, random_get},
    {"sched_yield", "", true, succeed},
};

static bool same(const char *text, uint32_t size, const char *expected)
{
    return size == strlen(expected) && !memcmp(text, expected, size);
}

static bool same_type(const smalti__signature *type, const smalti__host *host)
{
    if (type->param_count != strlen(host->params) || type->result_count != host->returns)
        return false;
    for (uint32_t i = 0; i < type->param_count; i++)
        if (type->params[i] != (host->params[i] == 'I' ? 0x7e : 0x7f))
            return false;
    return !host->returns || type->results[0] == 0x7f;
}

smalti_result smalti__wasi_check(const smalti__module *module, const char *name, smalti_error *error)
{
    for (uint32_t i = 0; i < module->import_count; i++) {
        const smalti__import *import = &module->imports[i];
        size_t at =
            same(import->module, import->module_size, module_name) && import->function ? 0 : SMALTI__COUNT(hosts);
        while (at < SMALTI__COUNT(hosts) && !same(import->name, import->name_size, hosts[at].name))
            at++;
        if (at < SMALTI__COUNT(hosts) && same_type(&import->signature, &hosts[at]))
            continue;
        char from[80], field[80];
        return smalti__fail(error, SMALTI_E_KERNEL_MODULE,
                            "%s: it imports %s.%s%s; a command gets standard input and output and nothing else", name,
                            smalti__printable(import->module, import->module_size, from, sizeof from),
                            smalti__printable(import->name, import->name_size, field, sizeof field),
                            at < SMALTI__COUNT(hosts) ? " with another type than WASI's" : "");
    }
    return SMALTI_OK;
}

bool smalti__wasi_bind(smalti__code *code, smalti__fault *fault)
{
    return smalti__code_bind(code, module_name, hosts, SMALTI__COUNT(hosts), fault);
}
