/* SPDX-License-Identifier: Apache-2.0
 * Wasmtime, kept in one file: engines, code, machines. */
#include "kernel/engine.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <wasmtime.h>

#include "kernel/ticker.h"

enum {
    /* Machines alive at one time in the default engine: lanes times kernels in a chain. Each reserves 4 GiB of addresses
     * (no memory), so that no access needs a bounds check. */
    POOL_SLOTS = 512,
    /* Of a machine's memory, what is cleared by memset and kept rather than given back to the system: about the buffers
     * of a lane. Page faults on the rest cost ten times as much as clearing it. */
    KEEP_RESIDENT = 1024 * 1024,
    DEFAULT_STACK = 512 * 1024,
    MAX_ENGINES = 16,
    MAX_HOST_PARAMS = 16,
    /* Of the calling thread's stack, what the host's own functions need on top of the guest's. */
    HOST_STACK = 64 * 1024
};

struct smalti__engine {
    wasm_engine_t *engine;
    size_t stack_bytes;
};

struct smalti__code {
    smalti__engine *engine;
    wasmtime_module_t *module;
    wasmtime_instance_pre_t *ready; /* imports resolved */
};

struct smalti__machine {
    smalti__engine *engine;
    wasmtime_store_t *store;
    wasmtime_context_t *context;
    wasmtime_memory_t memory;
    uint8_t *base;
    void *host_context;
    bool stopped; /* a host function ended the call */
    wasmtime_func_t functions[SMALTI__ENTRY_COUNT];
};

static pthread_mutex_t engines_lock = PTHREAD_MUTEX_INITIALIZER; /* guards adding engines */
static smalti__engine engines[MAX_ENGINES];
static _Atomic size_t engine_count; /* entries below it never change */

static bool fault_set(smalti__fault *fault, smalti_result code, const char *what)
{
    fault->code = code;
    snprintf(fault->what, sizeof fault->what, "%s", what);
    return false;
}

/* The first line of Wasmtime's message. Takes the error. */
static bool fault_error(smalti__fault *fault, smalti_result code, wasmtime_error_t *error)
{
    wasm_byte_vec_t message;
    wasmtime_error_message(error, &message);
    wasmtime_error_delete(error);
    size_t length = 0;
    while (length < message.size && message.data[length] && message.data[length] != '\n')
        length++;
    fault->code = code;
    smalti__printable(message.data, length, fault->what, sizeof fault->what);
    wasm_byte_vec_delete(&message);
    return false;
}

/* Takes the trap. */
static bool fault_trap(smalti__fault *fault, wasm_trap_t *trap)
{
    static const struct {
        smalti_result code;
        const char *what;
    } traps[] = {
        [WASMTIME_TRAP_CODE_STACK_OVERFLOW] = {SMALTI_E_KERNEL_TRAP, "stack overflow"},
        [WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS] = {SMALTI_E_KERNEL_TRAP, "out-of-bounds memory access"},
        [WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS] = {SMALTI_E_KERNEL_TRAP, "out-of-bounds table access"},
        [WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL] = {SMALTI_E_KERNEL_TRAP, "call of a null function pointer"},
        [WASMTIME_TRAP_CODE_BAD_SIGNATURE] = {SMALTI_E_KERNEL_TRAP, "call of a function pointer of another type"},
        [WASMTIME_TRAP_CODE_INTEGER_OVERFLOW] = {SMALTI_E_KERNEL_TRAP, "integer overflow"},
        [WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO] = {SMALTI_E_KERNEL_TRAP, "integer division by zero"},
        [WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER] = {SMALTI_E_KERNEL_TRAP, "invalid conversion to integer"},
        [WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED] = {SMALTI_E_KERNEL_TRAP, "unreachable instruction"},
        [WASMTIME_TRAP_CODE_INTERRUPT] = {SMALTI_E_KERNEL_TIMEOUT, "ran longer than its deadline"},
    };
    wasmtime_trap_code_t code;
    if (wasmtime_trap_code(trap, &code) && code < SMALTI__COUNT(traps) && traps[code].what) {
        fault_set(fault, traps[code].code, traps[code].what);
    } else {
        wasm_message_t message;
        wasm_trap_message(trap, &message);
        fault->code = SMALTI_E_KERNEL_TRAP;
        smalti__printable(message.data, strnlen(message.data, message.size), fault->what, sizeof fault->what);
        wasm_byte_vec_delete(&message);
    }
    wasm_trap_delete(trap);
    return false;
}

/* What decides on the machine code. NaN canonicalisation is off: with it kernels over f32 take 1.6 to 3.3 times as long
 * (measured on the shipped ones), and all that differs between processors are bits of a NaN, which no integer pixel shows. */
static wasm_config_t *make_config(bool parallel)
{
    wasm_config_t *config = wasm_config_new();
    wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_SPEED);
    wasmtime_config_epoch_interruption_set(config, true);
    wasmtime_config_wasm_simd_set(config, true);
    wasmtime_config_wasm_relaxed_simd_set(config, false); /* not the same on every processor */
    wasmtime_config_wasm_bulk_memory_set(config, true);
    wasmtime_config_wasm_multi_value_set(config, true);
    wasmtime_config_wasm_multi_memory_set(config, false);
    wasmtime_config_wasm_memory64_set(config, false);
    wasmtime_config_wasm_tail_call_set(config, false);
    wasmtime_config_wasm_wide_arithmetic_set(config, false);
    wasmtime_config_wasm_custom_page_sizes_set(config, false);
    wasmtime_config_shared_memory_set(config, false);
    wasmtime_config_memory_may_move_set(config, false);
    wasmtime_config_memory_reservation_set(config, (uint64_t)1 << 32);
    /* data of kernels is a few pages, copied as quickly as mapped; and a jailed process can make no memfd to map */
    wasmtime_config_memory_init_cow_set(config, false);
    wasmtime_config_native_unwind_info_set(config, false); /* for debuggers only; loading is quicker without */
    wasmtime_config_parallel_compilation_set(config, parallel);
    return config;
}

/* The processor's features, so that machines that share a cache directory do not take each other's code in turns. */
static void processor_text(char *out, size_t out_size)
{
#if defined(__x86_64__)
    unsigned a, b, c1 = 0, d1, b7 = 0, c7 = 0, d7;
    __get_cpuid(1, &a, &b, &c1, &d1);
    __get_cpuid_count(7, 0, &a, &b7, &c7, &d7);
    snprintf(out, out_size, "x86-64 %x %x %x", c1 & ~(1u << 27), b7, c7); /* bit 27: what the system enabled */
#else
    snprintf(out, out_size, "%lx %lx", getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
#endif
}

static char config_text[160];

static void config_text_init(void)
{
    char processor[64];
    processor_text(processor, sizeof processor);
    snprintf(config_text, sizeof config_text, "wasmtime " WASMTIME_VERSION ", settings 2, %s", processor);
}

const char *smalti__engine_config(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, config_text_init);
    return config_text;
}

/* Wasmtime aborts the process when the pool's addresses are not to be had (RLIMIT_AS, valgrind): look first. */
static bool pool_fits(void)
{
    size_t bytes = (size_t)(POOL_SLOTS + POOL_SLOTS / 16 + 8) << 32;
    void *probe = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED)
        return false;
    munmap(probe, bytes);
    return true;
}

static void use_pool(wasm_config_t *config)
{
    wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
    wasmtime_pooling_allocation_config_total_memories_set(pool, POOL_SLOTS);
    wasmtime_pooling_allocation_config_total_core_instances_set(pool, POOL_SLOTS);
    wasmtime_pooling_allocation_config_total_tables_set(pool, POOL_SLOTS);
    wasmtime_pooling_allocation_config_max_tables_per_module_set(pool, SMALTI__MAX_TABLES);
    wasmtime_pooling_allocation_config_table_elements_set(pool, SMALTI__MAX_TABLE_ELEMENTS);
    wasmtime_pooling_allocation_config_max_memory_size_set(pool, (size_t)1 << 32);
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, KEEP_RESIDENT);
    /* a slot that was used is used again, whatever module used it: else a hundred of them keep their memory */
    wasmtime_pooling_allocation_config_max_unused_warm_slots_set(pool, 0);
    wasmtime_pooling_allocation_strategy_set(config, pool);
    wasmtime_pooling_allocation_config_delete(pool);
}

smalti_result smalti__engine_get(size_t stack_bytes, smalti__engine **engine, smalti_error *error)
{
    stack_bytes = smalti__align(stack_bytes, SMALTI__MIN_STACK);
    pthread_mutex_lock(&engines_lock);
    size_t count = engine_count, i = 0;
    while (i < count && engines[i].stack_bytes != stack_bytes)
        i++;
    if (i == count && count < MAX_ENGINES) {
        wasm_config_t *config = make_config(false);
        wasmtime_config_max_wasm_stack_set(config, stack_bytes);
        if (stack_bytes == DEFAULT_STACK && pool_fits())
            use_pool(config);
        engines[i] = (smalti__engine){wasm_engine_new_with_config(config), stack_bytes};
        engine_count = count + 1;
    }
    pthread_mutex_unlock(&engines_lock);
    if (i == MAX_ENGINES)
        return smalti__fail(error, SMALTI_E_LIMIT, "more than %d different stack sizes for kernels", MAX_ENGINES);
    *engine = &engines[i];
    return SMALTI_OK;
}

void smalti__engine_tick(void)
{
    size_t count = engine_count;
    for (size_t i = 0; i < count; i++)
        wasmtime_engine_increment_epoch(engines[i].engine);
}

static bool code_new(smalti__engine *engine, wasmtime_module_t *module, smalti__code **code, smalti__fault *fault)
{
    *code = calloc(1, sizeof **code);
    if (!*code) {
        wasmtime_module_delete(module);
        return fault_set(fault, SMALTI_E_NOMEM, "no memory");
    }
    (*code)->engine = engine;
    (*code)->module = module;
    return true;
}

bool smalti__code_compile(smalti__engine *engine, const void *data, size_t size, smalti__code **code,
                          smalti__fault *fault)
{
    wasmtime_module_t *module;
    wasmtime_error_t *error = wasmtime_module_new(engine->engine, data, size, &module);
    return error ? fault_error(fault, SMALTI_E_KERNEL_MODULE, error) : code_new(engine, module, code, fault);
}

bool smalti__code_compile_apart(const void *data, size_t size, void **artifact, size_t *artifact_size,
                                smalti__fault *fault)
{
    smalti__engine engine = {wasm_engine_new_with_config(make_config(true)), DEFAULT_STACK};
    smalti__code *code;
    if (!smalti__code_compile(&engine, data, size, &code, fault))
        return false;
    return smalti__code_save(code, artifact, artifact_size, fault);
}

bool smalti__code_load(smalti__engine *engine, const void *artifact, size_t size, smalti__code **code,
                       smalti__fault *fault)
{
    wasmtime_module_t *module;
    wasmtime_error_t *error = wasmtime_module_deserialize(engine->engine, artifact, size, &module);
    return error ? fault_error(fault, SMALTI_E_KERNEL, error) : code_new(engine, module, code, fault);
}

bool smalti__code_save(const smalti__code *code, void **artifact, size_t *size, smalti__fault *fault)
{
    wasm_byte_vec_t bytes;
    wasmtime_error_t *error = wasmtime_module_serialize(code->module, &bytes);
    if (error)
        return fault_error(fault, SMALTI_E_KERNEL, error);
    *artifact = malloc(bytes.size);
    if (*artifact)
        memcpy(*artifact, bytes.data, *size = bytes.size);
    wasm_byte_vec_delete(&bytes);
    return *artifact || fault_set(fault, SMALTI_E_NOMEM, "no memory");
}

void smalti__code_free(smalti__code *code)
{
    if (!code)
        return;
    if (code->ready)
        wasmtime_instance_pre_delete(code->ready);
    wasmtime_module_delete(code->module);
    free(code);
}

static wasm_trap_t *call_host(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
    const smalti__host *host = env;
    smalti__machine *machine = wasmtime_context_get_data(wasmtime_caller_context(caller));
    uint64_t args[MAX_HOST_PARAMS] = {0};
    for (size_t i = 0; host->params[i] && i < count; i++)
        args[i] = host->params[i] == 'I' ? (uint64_t)values[i].i64 : (uint32_t)values[i].i32;
    int32_t result = 0;
    if (!host->call(machine->host_context, machine, args, &result)) {
        static const char stopped[] = "stopped";
        machine->stopped = true;
        return wasmtime_trap_new(stopped, sizeof stopped - 1);
    }
    if (host->returns)
        values[0].i32 = result;
    return NULL;
}

static wasm_functype_t *host_type(const smalti__host *host)
{
    wasm_valtype_vec_t params, results;
    wasm_valtype_vec_new_uninitialized(&params, strlen(host->params));
    for (size_t i = 0; i < params.size; i++)
        params.data[i] = wasm_valtype_new(host->params[i] == 'I' ? WASM_I64 : WASM_I32);
    wasm_valtype_vec_new_uninitialized(&results, host->returns);
    if (host->returns)
        results.data[0] = wasm_valtype_new(WASM_I32);
    return wasm_functype_new(&params, &results);
}

bool smalti__code_bind(smalti__code *code, const char *module, const smalti__host *hosts, size_t count,
                       smalti__fault *fault)
{
    wasmtime_linker_t *linker = wasmtime_linker_new(code->engine->engine);
    wasmtime_error_t *error = NULL;
    for (size_t i = 0; i < count && !error; i++) {
        wasm_functype_t *type = host_type(&hosts[i]);
        error = wasmtime_linker_define_func_unchecked(linker, module, strlen(module), hosts[i].name,
                                                      strlen(hosts[i].name), type, call_host, (void *)&hosts[i], NULL);
        wasm_functype_delete(type);
    }
    if (!error)
        error = wasmtime_linker_instantiate_pre(linker, code->module, &code->ready);
    wasmtime_linker_delete(linker);
    return !error || fault_error(fault, SMALTI_E_KERNEL_MODULE, error);
}

static bool find_exports(smalti__machine *machine, const wasmtime_instance_t *instance, uint32_t entries)
{
    wasmtime_extern_t item;
    if (!wasmtime_instance_export_get(machine->context, instance, "memory", 6, &item) ||
        item.kind != WASMTIME_EXTERN_MEMORY)
        return false;
    machine->memory = item.of.memory;
    for (smalti__entry entry = 0; entry < SMALTI__ENTRY_COUNT; entry++) {
        if (!(entries & 1u << entry))
            continue;
        const char *name = smalti__entry_name(entry);
        if (!wasmtime_instance_export_get(machine->context, instance, name, strlen(name), &item) ||
            item.kind != WASMTIME_EXTERN_FUNC)
            return false;
        machine->functions[entry] = item.of.func;
    }
    return true;
}

/* ThreadSanitizer does not see how Wasmtime's pool hands memory from a thread to another: tell it. */
static void pool_handover(bool taken)
{
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    void __tsan_acquire(void *address);
    void __tsan_release(void *address);
    static char pool;
    if (taken)
        __tsan_acquire(&pool);
    else
        __tsan_release(&pool);
#endif
#endif
    (void)taken;
}

bool smalti__machine_new(smalti__code *code, uint32_t entries, uint64_t memory_bytes, void *context,
                         smalti__machine **out, smalti__fault *fault)
{
    if (!smalti__ticker_hold())
        return fault_set(fault, SMALTI_E_NOMEM, "no thread for its deadlines");
    smalti__machine *machine = calloc(1, sizeof *machine);
    if (!machine) {
        smalti__ticker_release();
        return fault_set(fault, SMALTI_E_NOMEM, "no memory");
    }
    machine->engine = code->engine;
    machine->host_context = context;
    machine->store = wasmtime_store_new(code->engine->engine, machine, NULL);
    machine->context = wasmtime_store_context(machine->store);
    wasmtime_store_limiter(machine->store, (int64_t)memory_bytes, SMALTI__MAX_TABLE_ELEMENTS, 1, SMALTI__MAX_TABLES, 1);
    wasmtime_context_set_epoch_deadline(machine->context, 1000); /* nothing of the guest runs in here */
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *error = wasmtime_instance_pre_instantiate(code->ready, machine->context, &instance, &trap);
    bool good = !error && !trap;
    pool_handover(true);
    if (error) /* imports, memory and tables were checked before: what is short is the pool, or addresses */
        fault_error(fault, SMALTI_E_NOMEM, error);
    else if (trap)
        fault_trap(fault, trap);
    else if (!find_exports(machine, &instance, entries))
        good = fault_set(fault, SMALTI_E_KERNEL_MODULE, "an export is missing");
    if (!good) {
        smalti__machine_free(machine);
        return false;
    }
    machine->base = wasmtime_memory_data(machine->context, &machine->memory);
    *out = machine;
    return true;
}

void smalti__machine_free(smalti__machine *machine)
{
    if (!machine)
        return;
    pool_handover(false);
    wasmtime_store_delete(machine->store);
    free(machine);
    smalti__ticker_release();
}

/* A guest may use up to its stack limit of the calling thread's stack; Wasmtime does not know where that ends. */
static bool stack_suffices(size_t stack_bytes)
{
    static __thread uintptr_t lowest; /* of this thread; 0: not known yet */
    if (!lowest) {
        pthread_attr_t attributes;
        void *base;
        size_t size;
        lowest = 1;
        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            if (pthread_attr_getstack(&attributes, &base, &size) == 0)
                lowest = (uintptr_t)base;
            pthread_attr_destroy(&attributes);
        }
    }
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return here > lowest && here - lowest >= stack_bytes + HOST_STACK;
}

bool smalti__machine_call(smalti__machine *machine, smalti__entry entry, const uint32_t *args, uint32_t arg_count,
                          uint64_t deadline_ms, int32_t *result, smalti__fault *fault)
{
    if (!stack_suffices(machine->engine->stack_bytes))
        return fault_set(fault, SMALTI_E_KERNEL, "the calling thread has too little stack left");
    wasmtime_val_raw_t values[4] = {0};
    for (uint32_t i = 0; i < arg_count; i++)
        values[i].i32 = (int32_t)args[i];
    smalti__ticker_ensure();
    /* one more: the present tick is partly over */
    uint64_t ticks = deadline_ms / SMALTI__TICK_MS + 1 + (deadline_ms % SMALTI__TICK_MS != 0);
    wasmtime_context_set_epoch_deadline(machine->context, ticks);
    machine->stopped = false;
    smalti__clear_upper_registers(); /* whatever the program that uses the library left there */
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *error = wasmtime_func_call_unchecked(machine->context, &machine->functions[entry], values,
                                                           SMALTI__COUNT(values), &trap);
    if (error)
        return fault_error(fault, SMALTI_E_KERNEL, error);
    if (trap) {
        fault_trap(fault, trap);
        return machine->stopped ? fault_set(fault, SMALTI_E_CANCELLED, "stopped") : false;
    }
    if (wasmtime_memory_data(machine->context, &machine->memory) != machine->base)
        return fault_set(fault, SMALTI_E_KERNEL, "its memory moved");
    *result = values[0].i32;
    return true;
}

uint8_t *smalti__machine_memory(smalti__machine *machine, size_t *bytes)
{
    *bytes = wasmtime_memory_data_size(machine->context, &machine->memory);
    return machine->base;
}

bool smalti__machine_grow(smalti__machine *machine, uint64_t bytes, uint64_t *at, smalti__fault *fault)
{
    uint64_t pages = bytes / SMALTI__PAGE_BYTES + (bytes % SMALTI__PAGE_BYTES != 0), before;
    wasmtime_error_t *error = wasmtime_memory_grow(machine->context, &machine->memory, pages, &before);
    if (error)
        return fault_error(fault, SMALTI_E_KERNEL_MEMORY, error);
    /* an empty memory has no base before its first growth */
    if (before == 0)
        machine->base = wasmtime_memory_data(machine->context, &machine->memory);
    if (wasmtime_memory_data(machine->context, &machine->memory) != machine->base)
        return fault_set(fault, SMALTI_E_KERNEL, "its memory moved");
    *at = before * SMALTI__PAGE_BYTES;
    return true;
}

bool smalti__machine_holds(smalti__machine *machine, uint64_t address, uint64_t bytes)
{
    uint64_t size = wasmtime_memory_data_size(machine->context, &machine->memory);
    return address <= size && bytes <= size - address;
}
