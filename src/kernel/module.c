/* SPDX-License-Identifier: Apache-2.0
 * Reads the sections of a WebAssembly binary (core specification 2.0, chapter 5) as far as a host must know them before it
 * spends time on compiling. It refuses what kernels may not use; whether the code is valid is for the engine to say. */
#include "kernel/module.h"

enum {
    SECTION_CUSTOM,
    SECTION_TYPE,
    SECTION_IMPORT,
    SECTION_FUNCTION,
    SECTION_TABLE,
    SECTION_MEMORY,
    SECTION_GLOBAL,
    SECTION_EXPORT,
    SECTION_START,
    SECTION_ELEMENT,
    SECTION_CODE,
    SECTION_DATA,
    SECTION_DATA_COUNT,
    SECTION_COUNT
};
enum { KIND_FUNCTION, KIND_TABLE, KIND_MEMORY, KIND_GLOBAL };
enum {
    TYPE_I32 = 0x7f,
    TYPE_I64 = 0x7e,
    TYPE_F32 = 0x7d,
    TYPE_F64 = 0x7c,
    TYPE_V128 = 0x7b,
    TYPE_FUNCREF = 0x70,
    TYPE_EXTERNREF = 0x6f
};

static const struct {
    const char *name;
    uint8_t params, results; /* all of them i32 */
} entries[SMALTI__ENTRY_COUNT] = {
    [SMALTI__ENTRY_TILE] = {"smalti_tile", 1, 1},
    [SMALTI__ENTRY_INIT] = {"smalti_init", 2, 1},
    [SMALTI__ENTRY_ACCUMULATE] = {"smalti_accumulate", 2, 1},
    [SMALTI__ENTRY_MERGE] = {"smalti_merge", 2, 1},
    [SMALTI__ENTRY_FINISH] = {"smalti_finish", 3, 1},
    [SMALTI__ENTRY_HALO] = {"smalti_halo", 1, 1},
    [SMALTI__ENTRY_SCRATCH] = {"smalti_scratch", 1, 1},
    [SMALTI__ENTRY_ALLOC] = {"smalti_alloc", 1, 1},
    [SMALTI__ENTRY_START] = {"_start", 0, 0},
};

const char *smalti__entry_name(smalti__entry entry)
{
    return entries[entry].name;
}

/* A place in the bytes. Reading past the end sets bad and gives zeros, so that callers check once. */
typedef struct cursor {
    const uint8_t *at, *end;
    bool bad;
} cursor;

typedef struct reader {
    const uint8_t *data;
    const char *name;
    smalti__module *module;
    smalti_error *error;
    smalti__signature *types;
    uint32_t type_count;
    uint32_t *function_types; /* of each function, imported ones first */
    uint32_t function_count, import_functions;
    uint32_t memory_count;
} reader;

static smalti_result refuse(const reader *r, const char *what)
{
    return smalti__fail(r->error, SMALTI_E_KERNEL_MODULE, "%s: %s", r->name, what);
}

static smalti_result malformed(const reader *r, const cursor *c)
{
    size_t offset = (size_t)(c->at - r->data);
    return smalti__fail_at(r->error, SMALTI_E_KERNEL_MODULE, offset, "%s: malformed module at byte %zu", r->name,
                           offset);
}

static uint8_t read_byte(cursor *c)
{
    if (c->at >= c->end) {
        c->bad = true;
        return 0;
    }
    return *c->at++;
}

/* Unsigned LEB128 of at most bits bits. */
static uint64_t read_leb(cursor *c, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < bits; shift += 7) {
        uint8_t byte = read_byte(c);
        if (bits - shift < 7 && byte >> (bits - shift))
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    c->bad = true;
    return 0;
}

static uint32_t read_u32(cursor *c)
{
    return (uint32_t)read_leb(c, 32);
}

static const uint8_t *read_bytes(cursor *c, size_t size)
{
    if (size > (size_t)(c->end - c->at)) {
        c->bad = true;
        return c->at;
    }
    const uint8_t *bytes = c->at;
    c->at += size;
    return bytes;
}

static const char *read_name(cursor *c, uint32_t *size)
{
    *size = read_u32(c);
    const char *name = (const char *)read_bytes(c, *size);
    if (c->bad)
        *size = 0;
    return name;
}

static bool name_is(const char *name, uint32_t size, const char *expected)
{
    return size == strlen(expected) && !memcmp(name, expected, size);
}

/* A vector of value types of one byte each; the others (references to types) come with proposals that are off. */
static const uint8_t *read_types(cursor *c, uint32_t *count)
{
    *count = read_u32(c);
    const uint8_t *types = read_bytes(c, *count);
    for (uint32_t i = 0; !c->bad && i < *count; i++)
        if (!(types[i] >= TYPE_V128 && types[i] <= TYPE_I32) && types[i] != TYPE_FUNCREF && types[i] != TYPE_EXTERNREF)
            c->bad = true;
    return types;
}

static smalti_result read_type_section(reader *r, cursor *c)
{
    r->type_count = read_u32(c);
    if (r->type_count > SMALTI__MAX_TYPES)
        return refuse(r, "too many types");
    r->types = calloc(r->type_count + 1, sizeof *r->types);
    if (!r->types)
        return smalti__fail_nomem(r->error, r->type_count * sizeof *r->types);
    for (uint32_t i = 0; !c->bad && i < r->type_count; i++) {
        smalti__signature *type = &r->types[i];
        if (read_byte(c) != 0x60)
            c->bad = true;
        type->params = read_types(c, &type->param_count);
        type->results = read_types(c, &type->result_count);
    }
    return SMALTI_OK;
}

/* Flags and minimum of a table or memory; the maximum is for the engine to check. */
static uint8_t read_limits(cursor *c, uint64_t *minimum)
{
    uint8_t flags = read_byte(c);
    unsigned bits = flags & 4 ? 64 : 32;
    *minimum = read_leb(c, bits);
    if (flags & 1)
        read_leb(c, bits);
    if (flags & 8) /* page size */
        read_u32(c);
    return flags;
}

static smalti_result add_function(reader *r, uint32_t type)
{
    if (r->function_count == SMALTI__MAX_FUNCTIONS)
        return refuse(r, "too many functions");
    if ((r->function_count & (r->function_count - 1)) == 0) { /* a power of two: full */
        size_t room = r->function_count ? (size_t)r->function_count * 2 : 1;
        uint32_t *more = realloc(r->function_types, room * sizeof *more);
        if (!more)
            return smalti__fail_nomem(r->error, room * sizeof *more);
        r->function_types = more;
    }
    r->function_types[r->function_count++] = type;
    return SMALTI_OK;
}

static smalti_result read_import_section(reader *r, cursor *c)
{
    smalti__module *module = r->module;
    uint32_t count = read_u32(c);
    if (count > SMALTI__MAX_IMPORTS)
        return refuse(r, "too many imports");
    for (uint32_t i = 0; !c->bad && i < count; i++) {
        smalti__import *import = &module->imports[i];
        import->module = read_name(c, &import->module_size);
        import->name = read_name(c, &import->name_size);
        uint64_t ignored;
        uint32_t type;
        switch (read_byte(c)) {
        case KIND_FUNCTION:
            type = read_u32(c);
            import->function = type < r->type_count;
            if (import->function)
                import->signature = r->types[type];
            SMALTI__TRY(add_function(r, type));
            break;
        case KIND_TABLE:
            read_byte(c);
            read_limits(c, &ignored);
            break;
        case KIND_MEMORY:
            read_limits(c, &ignored);
            r->memory_count++;
            break;
        case KIND_GLOBAL:
            read_byte(c);
            read_byte(c);
            break;
        default:
            c->bad = true;
        }
        module->import_count = i + 1;
    }
    r->import_functions = r->function_count;
    return SMALTI_OK;
}

static smalti_result read_function_section(reader *r, cursor *c)
{
    uint32_t count = read_u32(c);
    for (uint32_t i = 0; !c->bad && i < count; i++)
        SMALTI__TRY(add_function(r, read_u32(c)));
    return SMALTI_OK;
}

static smalti_result read_table_section(reader *r, cursor *c)
{
    uint32_t count = read_u32(c);
    if (count > SMALTI__MAX_TABLES)
        return refuse(r, "too many tables");
    for (uint32_t i = 0; !c->bad && i < count; i++) {
        uint64_t minimum;
        uint8_t type = read_byte(c);
        if (type != TYPE_FUNCREF)
            return refuse(r, "a table of something other than functions");
        if (read_limits(c, &minimum) & ~1 || minimum > SMALTI__MAX_TABLE_ELEMENTS)
            return refuse(r, "a table that is too large, shared or of 64 bits");
    }
    return SMALTI_OK;
}

static smalti_result read_memory_section(reader *r, cursor *c)
{
    uint32_t count = read_u32(c);
    for (uint32_t i = 0; !c->bad && i < count; i++) {
        uint8_t flags = read_limits(c, &r->module->memory_min_pages);
        if (flags & 2)
            return refuse(r, "its memory is shared, which kernels may not use");
        if (flags & 4)
            return refuse(r, "its memory is of 64 bits, which kernels may not use");
        if (flags & ~7)
            return refuse(r, "its memory has pages of its own size, which kernels may not use");
        if (r->memory_count++)
            return refuse(r, "it has more than one memory");
    }
    return SMALTI_OK;
}

static bool is_entry(const reader *r, smalti__entry entry, uint32_t function)
{
    if (function >= r->function_count || r->function_types[function] >= r->type_count)
        return false;
    const smalti__signature *type = &r->types[r->function_types[function]];
    if (type->param_count != entries[entry].params || type->result_count != entries[entry].results)
        return false;
    for (uint32_t i = 0; i < type->param_count; i++)
        if (type->params[i] != TYPE_I32)
            return false;
    return !type->result_count || type->results[0] == TYPE_I32;
}

static void read_export_section(reader *r, cursor *c)
{
    uint32_t count = read_u32(c);
    for (uint32_t i = 0; !c->bad && i < count; i++) {
        uint32_t size;
        const char *name = read_name(c, &size);
        uint8_t kind = read_byte(c);
        uint32_t index = read_u32(c);
        if (c->bad)
            return;
        if (kind == KIND_MEMORY && name_is(name, size, "memory"))
            r->module->memory_exported = true;
        for (smalti__entry entry = 0; entry < SMALTI__ENTRY_COUNT; entry++)
            if (name_is(name, size, entries[entry].name)) {
                bool right = kind == KIND_FUNCTION && is_entry(r, entry, index);
                *(right ? &r->module->entries : &r->module->wrong_entries) |= 1u << entry;
            }
    }
}

static smalti_result read_custom_section(reader *r, cursor *c)
{
    uint32_t size;
    const char *name = read_name(c, &size);
    if (c->bad || !name_is(name, size, "smalti"))
        return SMALTI_OK;
    if (r->module->descriptor)
        return refuse(r, "it has two descriptors");
    r->module->descriptor = (const char *)c->at;
    r->module->descriptor_size = (size_t)(c->end - c->at);
    if (r->module->descriptor_size > SMALTI__MAX_DESCRIPTOR_BYTES)
        return refuse(r, "its descriptor is larger than 64 KiB");
    return SMALTI_OK;
}

static smalti_result read_section(reader *r, uint8_t id, cursor *c)
{
    switch (id) {
    case SECTION_CUSTOM:
        return read_custom_section(r, c);
    case SECTION_TYPE:
        return read_type_section(r, c);
    case SECTION_IMPORT:
        return read_import_section(r, c);
    case SECTION_FUNCTION:
        return read_function_section(r, c);
    case SECTION_TABLE:
        return read_table_section(r, c);
    case SECTION_MEMORY:
        return read_memory_section(r, c);
    case SECTION_EXPORT:
        read_export_section(r, c);
        return SMALTI_OK;
    case SECTION_START:
        r->module->start = true;
        return SMALTI_OK;
    default: /* globals, elements, code and data */
        return SMALTI_OK;
    }
}

/* Sections come in the order of their numbers, but for the data count, which stands before the code. */
static int section_rank(uint8_t id)
{
    return id == SECTION_DATA_COUNT ? SECTION_CODE * 2 - 1 : id * 2;
}

static smalti_result read_sections(reader *r, cursor *c)
{
    int last = 0;
    while (c->at < c->end) {
        const cursor head = *c;
        uint8_t id = read_byte(c);
        uint32_t size = read_u32(c);
        const uint8_t *body = read_bytes(c, size);
        if (c->bad || id >= SECTION_COUNT)
            return malformed(r, &head);
        if (id != SECTION_CUSTOM) {
            if (section_rank(id) <= last)
                return malformed(r, &head);
            last = section_rank(id);
        }
        cursor section = {body, body + size, false};
        SMALTI__TRY(read_section(r, id, &section));
        if (section.bad)
            return malformed(r, &section);
    }
    return SMALTI_OK;
}

smalti_result smalti__module_read(const void *data, size_t size, const char *name, smalti__module *module,
                                  smalti_error *error)
{
    memset(module, 0, sizeof *module);
    reader r = {.data = data, .name = name, .module = module, .error = error};
    if (size < 8 || memcmp(data, "\0asm", 4))
        return refuse(&r, "not a WebAssembly module");
    if (memcmp((const uint8_t *)data + 4, "\1\0\0\0", 4))
        return refuse(&r, "not a WebAssembly module of version 1 (components are not kernels)");
    cursor c = {r.data + 8, r.data + size, false};
    smalti_result result = read_sections(&r, &c);
    free(r.types);
    free(r.function_types);
    return result;
}

static smalti_result check_entries(const smalti__module *module, uint32_t required, uint32_t allowed, const char *name,
                                   smalti_error *error)
{
    for (smalti__entry entry = 0; entry < SMALTI__ENTRY_COUNT; entry++) {
        uint32_t bit = 1u << entry;
        if (module->wrong_entries & bit && allowed & bit)
            return smalti__fail(error, SMALTI_E_KERNEL_MODULE,
                                "%s: its export %s is not a function of %u i32 parameter%s that returns %s", name,
                                entries[entry].name, entries[entry].params, entries[entry].params == 1 ? "" : "s",
                                entries[entry].results ? "i32" : "nothing");
        if (required & ~module->entries & bit)
            return smalti__fail(error, SMALTI_E_KERNEL_MODULE, "%s: it does not export the function %s", name,
                                entries[entry].name);
    }
    return SMALTI_OK;
}

smalti_result smalti__module_check(const smalti__module *module, const smalti_kernel_info *info, const char *name,
                                   smalti_error *error)
{
#define BIT(entry) (1u << SMALTI__ENTRY_##entry)
    uint32_t required = BIT(START), optional = 0;
    if (info->kind == SMALTI_KERNEL_TILE)
        required = BIT(TILE), optional = BIT(SCRATCH) | BIT(ALLOC);
    else if (info->kind == SMALTI_KERNEL_MEASURE)
        required = BIT(INIT) | BIT(ACCUMULATE) | BIT(MERGE) | BIT(FINISH), optional = BIT(SCRATCH) | BIT(ALLOC);
    if (info->halo_dynamic)
        required |= BIT(HALO);
#undef BIT
    if (module->start)
        return smalti__fail(error, SMALTI_E_KERNEL_MODULE,
                            "%s: it has a start function; a kernel runs nothing before it is called", name);
    if (info->kind != SMALTI_KERNEL_COMMAND && module->import_count) {
        const smalti__import *import = &module->imports[0];
        char field[80], from[80];
        return smalti__fail(error, SMALTI_E_KERNEL_MODULE, "%s: it imports %s.%s; a kernel may import nothing", name,
                            smalti__printable(import->module, import->module_size, from, sizeof from),
                            smalti__printable(import->name, import->name_size, field, sizeof field));
    }
    if (!module->memory_exported)
        return smalti__fail(error, SMALTI_E_KERNEL_MODULE, "%s: it does not export its memory as \"memory\"", name);
    return check_entries(module, required, required | optional, name, error);
}
