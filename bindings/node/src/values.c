/* SPDX-License-Identifier: Apache-2.0
 * The library's structs as JavaScript's objects, from tables of their fields. */
#include <math.h>

#include "binding.h"

napi_status binding__set_number(napi_env env, napi_value object, const char *name, double value)
{
    napi_value number;
    TRY(napi_create_double(env, value, &number));
    return napi_set_named_property(env, object, name, number);
}

napi_status binding__set_text(napi_env env, napi_value object, const char *name, const char *value)
{
    napi_value text;
    TRY(napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text));
    return napi_set_named_property(env, object, name, text);
}

static napi_status set_field(napi_env env, napi_value object, const binding_field *field, const void *from)
{
    const char *at = (const char *)from + field->offset;
    napi_value value;
    switch (field->type) {
    case 's':
        return binding__set_text(env, object, field->name, at);
    case 'b':
        TRY(napi_get_boolean(env, *(const bool *)at, &value));
        return napi_set_named_property(env, object, field->name, value);
    case 'u':
        return binding__set_number(env, object, field->name, *(const uint32_t *)(const void *)at);
    case 'l':
        return binding__set_number(env, object, field->name, (double)*(const uint64_t *)(const void *)at);
    default:
        return binding__set_number(env, object, field->name, *(const double *)(const void *)at);
    }
}

napi_status binding__set_fields(napi_env env, napi_value object, const binding_field *fields, size_t count,
                                const void *from)
{
    for (size_t i = 0; i < count; i++)
        TRY(set_field(env, object, &fields[i], from));
    return napi_ok;
}

napi_status binding__error_value(napi_env env, const smalti_error *error, napi_value *value)
{
    TRY(napi_create_object(env, value));
    TRY(binding__set_number(env, *value, "result", error->code));
    TRY(binding__set_text(env, *value, "message", error->message));
    if (error->sys_errno)
        TRY(binding__set_number(env, *value, "errno", error->sys_errno));
    if (error->offset != SMALTI_NO_OFFSET)
        TRY(binding__set_number(env, *value, "offset", (double)error->offset));
    return napi_ok;
}

napi_status binding__stats_value(napi_env env, const smalti_stats *stats, napi_value *value)
{
    static const binding_field counts[] = {
        {"warnings", 'l', offsetof(smalti_stats, warnings)},
        {"pixels", 'l', offsetof(smalti_stats, pixels)},
        {"bytesIn", 'l', offsetof(smalti_stats, bytes_in)},
        {"bytesOut", 'l', offsetof(smalti_stats, bytes_out)},
        {"strips", 'l', offsetof(smalti_stats, strips)},
        {"copiedRows", 'l', offsetof(smalti_stats, copied_rows)},
        {"copiedBytes", 'l', offsetof(smalti_stats, copied_bytes)},
        {"convertedBytes", 'l', offsetof(smalti_stats, converted_bytes)},
        {"haloBytes", 'l', offsetof(smalti_stats, halo_bytes)},
        {"allocations", 'l', offsetof(smalti_stats, allocations)},
        {"peakBytes", 'l', offsetof(smalti_stats, peak_bytes)},
    };
    static const struct {
        const char *name;
        size_t offset;
    } times[] = {
        {"wallMs", offsetof(smalti_stats, wall_ns)},     {"cpuMs", offsetof(smalti_stats, cpu_ns)},
        {"readMs", offsetof(smalti_stats, read_ns)},     {"decodeMs", offsetof(smalti_stats, decode_ns)},
        {"kernelMs", offsetof(smalti_stats, kernel_ns)}, {"stepMs", offsetof(smalti_stats, step_ns)},
        {"encodeMs", offsetof(smalti_stats, encode_ns)}, {"writeMs", offsetof(smalti_stats, write_ns)},
    };
    TRY(napi_create_object(env, value));
    for (size_t i = 0; i < COUNT(times); i++) {
        uint64_t ns = *(const uint64_t *)(const void *)((const char *)stats + times[i].offset);
        TRY(binding__set_number(env, *value, times[i].name, (double)ns / 1e6));
    }
    return binding__set_fields(env, *value, counts, COUNT(counts), stats);
}

napi_status binding__info_value(napi_env env, const smalti_info *info, napi_value *value)
{
    static const binding_field fields[] = {
        {"format", 's', offsetof(smalti_info, format)},
        {"width", 'u', offsetof(smalti_info, width)},
        {"height", 'u', offsetof(smalti_info, height)},
        {"channels", 'u', offsetof(smalti_info, channels)},
        {"bitsPerSample", 'u', offsetof(smalti_info, bit_depth)},
        {"color", 's', offsetof(smalti_info, color)},
        {"subsampling", 's', offsetof(smalti_info, subsampling)},
        {"compression", 's', offsetof(smalti_info, compression)},
        {"isProgressive", 'b', offsetof(smalti_info, interlaced)},
        {"hasAlpha", 'b', offsetof(smalti_info, has_alpha)},
        {"pages", 'u', offsetof(smalti_info, frames)},
        {"loop", 'u', offsetof(smalti_info, loops)},
        {"durationMs", 'u', offsetof(smalti_info, duration_ms)},
        {"orientation", 'u', offsetof(smalti_info, orientation)},
        {"size", 'l', offsetof(smalti_info, file_bytes)},
        {"decodedBytes", 'l', offsetof(smalti_info, decoded_bytes)},
        {"iccBytes", 'l', offsetof(smalti_info, icc_bytes)},
        {"exifBytes", 'l', offsetof(smalti_info, exif_bytes)},
        {"xmpBytes", 'l', offsetof(smalti_info, xmp_bytes)},
    };
    TRY(napi_create_object(env, value));
    TRY(binding__set_number(env, *value, "sample", info->sample));
    return binding__set_fields(env, *value, fields, COUNT(fields), info);
}

void binding__output_keep(binding_output_info *kept, const smalti_output *output)
{
    *kept = (binding_output_info){.width = output->width,
                                  .height = output->height,
                                  .quality = output->quality,
                                  .bytes = output->bytes,
                                  .score = output->score};
    if (output->format)
        strncpy(kept->format, output->format, sizeof kept->format - 1);
}

napi_status binding__output_value(napi_env env, const binding_output_info *info, napi_value *value)
{
    static const binding_field fields[] = {
        {"format", 's', offsetof(binding_output_info, format)},   {"width", 'u', offsetof(binding_output_info, width)},
        {"height", 'u', offsetof(binding_output_info, height)},   {"size", 'l', offsetof(binding_output_info, bytes)},
        {"quality", 'u', offsetof(binding_output_info, quality)},
    };
    TRY(napi_create_object(env, value));
    TRY(binding__set_fields(env, *value, fields, COUNT(fields), info));
    return isnan(info->score) ? napi_ok : binding__set_number(env, *value, "score", info->score);
}

static void free_memory(napi_env env, void *data, void *hint)
{
    (void)env, (void)hint;
    free(data);
}

napi_status binding__buffer_value(napi_env env, void *data, size_t size, napi_value *value)
{
    napi_status status = napi_create_external_buffer(env, size, data, free_memory, NULL, value);
    if (status == napi_ok)
        return status;
    /* engines that keep pointers in a cage of their own (Electron's) take no memory from outside: a copy */
    if (status == napi_no_external_buffers_allowed)
        status = napi_create_buffer_copy(env, size, data, NULL, value);
    free(data);
    return status;
}
