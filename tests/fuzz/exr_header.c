/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: EXR headers. Read whole and in small pieces they say the same; every value can be asked for; limits hold. */
#include "exr/exr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static smalti_result read_input(const smalti_exr *exr, uint64_t offset, void *data, size_t size, smalti_error *error)
{
    const struct input *input = exr->user;
    (void)error;
    if (size > input->size || offset > input->size - size)
        abort();
    memcpy(data, input->data + offset, size);
    return SMALTI_OK;
}

static uint64_t add_bytes(uint64_t sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return sum;
}

/* All that stands in a header, as one number. */
static uint64_t digest(const smalti_exr_header *header)
{
    uint64_t sum = header->header_bytes + header->tables_end * 3;
    for (uint32_t p = 0; p < header->part_count; p++) {
        const smalti_exr_part *part = &header->parts[p];
        sum = add_bytes(sum, &part->data_window, sizeof part->data_window) + part->chunk_count + part->pixel_bytes;
        sum = add_bytes(sum, part->name.data, part->name.size);
        for (uint32_t i = 0; i < part->channel_count; i++)
            sum = add_bytes(sum, part->channels[i].name, part->channels[i].name_size + 1);
        for (uint32_t i = 0; i < part->attribute_count; i++) {
            const smalti_exr_attribute *attribute = &part->attributes[i];
            double numbers[16];
            smalti_exr_text text;
            smalti_exr_timecode timecode;
            sum = add_bytes(sum, attribute->name, strlen(attribute->name));
            sum = add_bytes(sum, attribute->value, attribute->value ? attribute->size : 0);
            sum += smalti_exr_attribute_numbers(attribute, numbers, 16) + attribute->value_offset;
            for (size_t t = 0; smalti_exr_attribute_text(attribute, t, &text) && t < 100; t++)
                sum = add_bytes(sum, text.data, text.size);
            sum += smalti_exr_attribute_timecode(attribute, &timecode) ? timecode.frame : 0;
        }
        smalti__exr_chunk chunk;
        bool there = smalti__exr_chunk_first(&chunk, part);
        for (int i = 0; there && i < 50; i++, there = smalti__exr_chunk_next(&chunk))
            sum += smalti__exr_chunk_bytes(&chunk);
    }
    return sum;
}

static smalti_exr *reader(uint32_t keep_bytes)
{
    smalti_exr *exr;
    smalti_exr_options options = {.size = sizeof options, .max_bytes = 1 << 20, .keep_bytes = keep_bytes};
    if (smalti_exr_new(&options, &exr, NULL) < 0)
        abort();
    return exr;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static smalti_exr *whole, *pieces, *sparse;
    if (!whole)
        whole = reader(UINT32_MAX), pieces = reader(UINT32_MAX), sparse = reader(8);
    uint8_t *exact = malloc(size ? size : 1); /* so that a read past the end is seen */
    if (!exact)
        return 0;
    if (size)
        memcpy(exact, data, size);
    struct input input = {exact, size};
    smalti_error error[2];
    uint32_t page = size % 4 ? 512 : size % 67 + 1; /* tiny pieces take long */
    smalti_result result = smalti_exr_open_memory(whole, exact, size, "fuzz", &error[0]);
    smalti_result again = smalti__exr_open_with(pieces, read_input, &input, size, page, "fuzz", &error[1]);
    if (result == SMALTI_OK && again == SMALTI_OK) {
        if (digest(smalti_exr_header_get(whole)) != digest(smalti_exr_header_get(pieces)))
            abort();
    } else if (again != SMALTI_E_LIMIT && result != SMALTI_E_LIMIT) { /* pieces need memory of their own */
        if (result != again || strcmp(error[0].message, error[1].message) || error[0].offset != error[1].offset)
            abort();
    }
    if (smalti__exr_open_with(sparse, read_input, &input, size, page, "fuzz", NULL) == SMALTI_OK)
        digest(smalti_exr_header_get(sparse));
    if (whole->held_bytes > whole->options.max_bytes || pieces->held_bytes > pieces->options.max_bytes)
        abort();
    free(exact);
    return 0;
}
