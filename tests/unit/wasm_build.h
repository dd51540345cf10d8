/* SPDX-License-Identifier: Apache-2.0
 * Builds small WebAssembly modules byte by byte: for what no compiler would make. */
#ifndef SMALTI_TEST_WASM_BUILD_H
#define SMALTI_TEST_WASM_BUILD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct wasm {
    uint8_t *data;
    size_t size, room;
} wasm;

static inline void wasm_bytes(wasm *w, const void *data, size_t size)
{
    if (w->size + size > w->room) {
        w->room = (w->size + size) * 2;
        w->data = realloc(w->data, w->room);
        if (!w->data)
            abort();
    }
    if (size)
        memcpy(w->data + w->size, data, size);
    w->size += size;
}
static inline void wasm_byte(wasm *w, unsigned byte)
{
    uint8_t b = (uint8_t)byte;
    wasm_bytes(w, &b, 1);
}
static inline void wasm_leb(wasm *w, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        wasm_byte(w, 0x80 | (value & 0x7f));
    wasm_byte(w, (unsigned)value);
}
static inline void wasm_name(wasm *w, const char *name)
{
    wasm_leb(w, strlen(name));
    wasm_bytes(w, name, strlen(name));
}
/* Appends body behind its size, and frees it. */
static inline void wasm_sized(wasm *w, wasm body)
{
    wasm_leb(w, body.size);
    wasm_bytes(w, body.data, body.size);
    free(body.data);
}
static inline void wasm_section(wasm *w, unsigned id, wasm body)
{
    wasm_byte(w, id);
    wasm_sized(w, body);
}

#define TILE_DESCRIPTOR                                                                                \
    "{\"name\":\"made\",\"version\":\"1\",\"summary\":\"made by a test\",\"kind\":\"tile\",\"abi\":1," \
    "\"samples\":[\"u8\"],\"channels\":[1]}"

/* A tile kernel that returns 0, but for what the recipe says. */
typedef struct recipe {
    const char *descriptor;  /* NULL: TILE_DESCRIPTOR; "": none */
    const char *entry;       /* NULL: smalti_tile; "": none */
    const char *also_entry;  /* a second name for the same function */
    unsigned params;         /* of the entry, as 1 + their count; 0: one */
    bool returns_nothing;
    const char *import;      /* a function imported from "env", of the entry's type */
    const char *memory;      /* NULL: "memory"; "": not exported */
    unsigned memory_flags;
    uint32_t memory_pages;   /* 0: one */
    unsigned memories;       /* as 1 + their count; 0: one */
    bool start;              /* a start function that would trap */
    bool twice;              /* two descriptors */
    const uint8_t *code;     /* of the entry, without its end; NULL: i32.const 0 */
    size_t code_size;
    uint32_t locals;         /* i32 locals */
} recipe;

static inline wasm wasm_make(recipe r)
{
    wasm w = {0}, types = {0}, imports = {0}, functions = {0}, memory = {0}, exports = {0}, code = {0}, body = {0};
    unsigned params = r.params ? r.params - 1 : 1, first = r.import ? 1 : 0;
    bool exports_memory = !r.memory || *r.memory, exports_entry = !r.entry || *r.entry;
    wasm_bytes(&w, "\0asm\1\0\0\0", 8);

    wasm_leb(&types, 2);
    wasm_bytes(&types, "\x60", 1);
    wasm_leb(&types, params);
    for (unsigned i = 0; i < params; i++)
        wasm_byte(&types, 0x7f);
    wasm_bytes(&types, r.returns_nothing ? "\0" : "\1\x7f", r.returns_nothing ? 1 : 2);
    wasm_bytes(&types, "\x60\0\0", 3);
    wasm_section(&w, 1, types);

    if (r.import) {
        wasm_leb(&imports, 1);
        wasm_name(&imports, "env");
        wasm_name(&imports, r.import);
        wasm_bytes(&imports, "\0\0", 2);
        wasm_section(&w, 2, imports);
    }
    wasm_bytes(&functions, r.start ? "\2\0\1" : "\1\0", r.start ? 3 : 2);
    wasm_section(&w, 3, functions);

    unsigned memories = r.memories ? r.memories - 1 : 1;
    wasm_leb(&memory, memories);
    for (unsigned i = 0; i < memories; i++) {
        wasm_byte(&memory, r.memory_flags);
        wasm_leb(&memory, r.memory_pages ? r.memory_pages : 1);
        if (r.memory_flags & 1)
            wasm_leb(&memory, r.memory_pages ? r.memory_pages : 1);
        if (r.memory_flags & 8)
            wasm_leb(&memory, 0);
    }
    wasm_section(&w, 5, memory);

    wasm_leb(&exports, exports_memory + exports_entry + (r.also_entry != NULL));
    if (exports_memory) {
        wasm_name(&exports, r.memory ? r.memory : "memory");
        wasm_bytes(&exports, "\2\0", 2);
    }
    if (exports_entry) {
        wasm_name(&exports, r.entry ? r.entry : "smalti_tile");
        wasm_byte(&exports, 0);
        wasm_leb(&exports, first);
    }
    if (r.also_entry) {
        wasm_name(&exports, r.also_entry);
        wasm_byte(&exports, 0);
        wasm_leb(&exports, first);
    }
    wasm_section(&w, 7, exports);
    if (r.start) {
        wasm start = {0};
        wasm_leb(&start, first + 1);
        wasm_section(&w, 8, start);
    }

    wasm_leb(&code, r.start ? 2 : 1);
    wasm_leb(&body, r.locals ? 1 : 0);
    if (r.locals) {
        wasm_leb(&body, r.locals);
        wasm_byte(&body, 0x7f);
    }
    if (r.code)
        wasm_bytes(&body, r.code, r.code_size);
    else if (!r.returns_nothing)
        wasm_bytes(&body, "\x41\0", 2);
    wasm_byte(&body, 0x0b);
    wasm_sized(&code, body);
    if (r.start)
        wasm_bytes(&code, "\3\0\0\x0b", 4); /* unreachable; end */
    wasm_section(&w, 10, code);

    const char *descriptor = r.descriptor ? r.descriptor : TILE_DESCRIPTOR;
    for (int i = 0; *descriptor && i < 1 + r.twice; i++) {
        wasm custom = {0};
        wasm_name(&custom, "smalti");
        wasm_bytes(&custom, descriptor, strlen(descriptor));
        wasm_section(&w, 0, custom);
    }
    return w;
}

/* A function that adds locals in long chains across loops: the register allocator has much to think about. */
static inline wasm wasm_make_slow(size_t code_bytes)
{
    enum { LOCALS = 2000, DEPTH = 50 };
    wasm code = {0};
    uint32_t random = 1;
    for (int i = 0; i < DEPTH; i++)
        wasm_bytes(&code, "\x03\x40", 2); /* loop */
    while (code.size < code_bytes) {
        for (int i = 0; i < 4; i++) {
            random = random * 1664525 + 1013904223;
            wasm_byte(&code, 0x20); /* local.get */
            wasm_leb(&code, (random >> 8) % LOCALS);
        }
        wasm_bytes(&code, "\x6a\x73\x6c", 3); /* add, xor, mul */
        wasm_byte(&code, 0x22);               /* local.tee */
        wasm_leb(&code, (random >> 16) % LOCALS);
        wasm_byte(&code, 0x0d); /* br_if */
        wasm_leb(&code, random >> 27);
    }
    for (int i = 0; i < DEPTH; i++)
        wasm_byte(&code, 0x0b);
    wasm_bytes(&code, "\x41\0", 2);
    wasm module = wasm_make((recipe){.code = code.data, .code_size = code.size, .locals = LOCALS});
    free(code.data);
    return module;
}

#endif
