/* SPDX-License-Identifier: Apache-2.0
 * The descriptor: what is read from it, and what is refused. */
#include "kernel/descriptor.h"

#include "test.h"

#define BASE "\"name\":\"x\",\"version\":\"1\",\"summary\":\"s\",\"abi\":1,\"samples\":[\"u8\"],\"channels\":[1]"
#define TILE BASE ",\"kind\":\"tile\""
#define MEASURE BASE ",\"kind\":\"measure\""
#define PARAM(rest) "{" TILE ",\"params\":[{\"name\":\"a\",\"type\":\"number\"," rest "}]}"

static smalti_result parse(const char *text, smalti__descriptor *d, smalti_error *error)
{
    return smalti__descriptor_parse(text, strlen(text), "x.wasm", d, error);
}

TEST("a full tile descriptor is read")
{
    smalti__descriptor d;
    smalti_error error;
    CHECK_OK(parse("{\"name\":\"gray-2\",\"version\":\"1.2\",\"summary\":\"grün\",\"kind\":\"tile\",\"abi\":1,"
                   "\"samples\":[\"u8\",\"f32\"],\"channels\":[3,4],\"output_channels\":[1,2],\"halo\":7,"
                   "\"params\":[{\"name\":\"a_b\",\"type\":\"number\",\"min\":-1,\"max\":2.5,\"default\":0,"
                   "\"unit\":\"px\",\"summary\":\"how much\"},"
                   "{\"name\":\"n\",\"type\":\"integer\",\"min\":1,\"max\":1,\"default\":1}]}",
                   &d, &error),
             error);
    CHECK_STR(d.info.name, "gray-2");
    CHECK_STR(d.info.version, "1.2");
    CHECK_STR(d.info.summary, "grün");
    CHECK_INT(d.info.kind, SMALTI_KERNEL_TILE);
    CHECK_INT(d.info.abi, 1);
    CHECK_INT(d.info.samples, 1 << SMALTI_SAMPLE_U8 | 1 << SMALTI_SAMPLE_F32);
    CHECK_INT(d.info.channels, 1 << 3 | 1 << 4);
    CHECK_INT(d.info.output_channels[3], 1);
    CHECK_INT(d.info.output_channels[4], 2);
    CHECK_INT(d.info.output_channels[1], 0);
    CHECK_INT(d.info.halo, 7);
    CHECK(!d.info.halo_dynamic && !d.info.in_place);
    CHECK_INT(d.info.param_count, 2);
    CHECK_STR(d.info.params[0].name, "a_b");
    CHECK_STR(d.info.params[0].unit, "px");
    CHECK_STR(d.info.params[0].summary, "how much");
    CHECK(!d.info.params[0].integer && d.info.params[0].min == -1 && d.info.params[0].max == 2.5);
    CHECK(d.info.params[1].integer && d.info.params[1].def == 1);
    CHECK_STR(d.info.params[1].unit, "");
    smalti__descriptor_clear(&d);
}

TEST("a measure's state and values are read")
{
    smalti__descriptor d;
    smalti_error error;
    CHECK_OK(parse("{" MEASURE ",\"state_bytes\":1048576,\"values\":[{\"name\":\"h\",\"count\":256,\"summary\":\"v\"},"
                   "{\"name\":\"hash\",\"hex\":true}]}",
                   &d, &error),
             error);
    CHECK_INT(d.info.kind, SMALTI_KERNEL_MEASURE);
    CHECK_INT(d.info.state_bytes, 1048576);
    CHECK_INT(d.info.value_count, 2);
    CHECK_INT(d.value_total, 257);
    CHECK_INT(d.info.values[0].count, 256);
    CHECK(d.info.values[1].hex && !d.info.values[0].hex);
    smalti__descriptor_clear(&d);
}

TEST("a dynamic halo and in place are read")
{
    smalti__descriptor d;
    smalti_error error;
    CHECK_OK(parse("{" TILE ",\"halo\":\"dynamic\"}", &d, &error), error);
    CHECK(d.info.halo_dynamic);
    smalti__descriptor_clear(&d);
    CHECK_OK(parse("{" TILE ",\"in_place\":true}", &d, &error), error);
    CHECK(d.info.in_place);
    smalti__descriptor_clear(&d);
}

TEST("every mistake is one error that names the key and the module")
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "not JSON"},
        {"\x7f\x45\x4c\x46", "not JSON"},
        {"[]", "must be a JSON object"},
        {"{" TILE "} x", "not JSON"},
        {"{" TILE ",\"abi\":1}", "not JSON: duplicate object key"},
        {"{" BASE "}", "\"kind\" is missing"},
        {"{" BASE ",\"kind\":3}", "\"kind\" must be a string"},
        {"{" BASE ",\"kind\":\"batch\"}", "\"kind\" is \"batch\", which this version does not run"},
        {"{" BASE ",\"kind\":\"bytes\"}", "\"kind\" is \"bytes\", which this version does not run"},
        {"{" BASE ",\"kind\":\"tiles\"}", "\"kind\" must be \"tile\" or \"measure\""},
        {"{" TILE ",\"hallo\":1}", "\"hallo\" is not a key"},
        {"{" TILE ",\"state_bytes\":1}", "\"state_bytes\" is not a key"},
        {"{" MEASURE ",\"state_bytes\":1,\"values\":[{\"name\":\"v\"}],\"in_place\":true}",
         "\"in_place\" is not a key"},
        {"{\"kind\":\"tile\"}", "\"name\" is missing"},
        {"{\"kind\":\"tile\",\"name\":\"X\",\"version\":\"\",\"summary\":\"\",\"abi\":1,\"samples\":[],\"channels\":[]"
         "}",
         "\"name\" must be of small letters"},
        {"{\"kind\":\"tile\",\"name\":\"-x\",\"version\":\"\",\"summary\":\"\",\"abi\":1,\"samples\":[],\"channels\":[]"
         "}",
         "\"name\" must be of small letters"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"\",\"summary\":\"a\\u001b[2J\",\"abi\":1,\"samples\":[],"
         "\"channels\":[]}",
         "\"summary\" contains a control character"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"\",\"summary\":\"a\\u009b2J\",\"abi\":1,\"samples\":[],"
         "\"channels\":[]}",
         "\"summary\" contains a control character"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"0123456789012345678901234567890123\",\"summary\":\"\","
         "\"abi\":1,"
         "\"samples\":[],\"channels\":[]}",
         "\"version\" is longer than 32 bytes"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"1\",\"summary\":\"\",\"abi\":2,\"samples\":[\"u8\"],"
         "\"channels\":[1]}",
         "\"abi\" must be an integer from 1 to 1"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"1\",\"summary\":\"\",\"abi\":1,\"samples\":[],\"channels\":["
         "1]}",
         "\"samples\" must have 1 to 3 elements"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"1\",\"summary\":\"\",\"abi\":1,\"samples\":[\"f16\"],"
         "\"channels\":[1]}",
         "\"samples\" has \"f16\", which is not supported yet"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"1\",\"summary\":\"\",\"abi\":1,\"samples\":[\"u8\",\"u8\"],"
         "\"channels\":[1]}",
         "\"samples\" has \"u8\" twice"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"1\",\"summary\":\"\",\"abi\":1,\"samples\":[8],\"channels\":["
         "1]}",
         "\"samples\" must be of"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"1\",\"summary\":\"\",\"abi\":1,\"samples\":[\"u8\"],"
         "\"channels\":[5]}",
         "\"channels\" must be of integers from 1 to 4"},
        {"{\"kind\":\"tile\",\"name\":\"x\",\"version\":\"1\",\"summary\":\"\",\"abi\":1,\"samples\":[\"u8\"],"
         "\"channels\":[3,3]}",
         "\"channels\" has 3 twice"},
        {"{" TILE ",\"output_channels\":[1,1]}", "\"output_channels\" must have as many elements"},
        {"{" TILE ",\"output_channels\":[0]}", "\"output_channels\" must be of integers"},
        {"{" TILE ",\"halo\":-1}", "\"halo\" must be an integer from 0 to 4096 or \"dynamic\""},
        {"{" TILE ",\"halo\":4097}", "\"halo\" must be"},
        {"{" TILE ",\"halo\":1.5}", "\"halo\" must be"},
        {"{" TILE ",\"halo\":\"any\"}", "\"halo\" must be"},
        {"{" TILE ",\"halo\":null}", "\"halo\" must be"},
        {"{" TILE ",\"alpha\":\"none\"}", "\"alpha\" must be \"straight\" or \"premultiplied\""},
        {"{" TILE ",\"in_place\":1}", "\"in_place\" must be true or false"},
        {"{" TILE ",\"in_place\":true,\"halo\":1}", "\"in_place\" needs a halo of 0"},
        {"{" TILE ",\"in_place\":true,\"halo\":\"dynamic\"}", "\"in_place\" needs a halo of 0"},
        {"{" TILE ",\"in_place\":true,\"output_channels\":[2]}", "\"in_place\" needs as many channels out as in"},
        {"{" TILE ",\"params\":{}}", "\"params\" must be an array"},
        {"{" TILE ",\"params\":[3]}", "\"params[0]\" must be an object"},
        {"{" TILE ",\"params\":[{\"name\":\"a\"}]}", "\"params[0].type\" is missing"},
        {PARAM("\"min\":0,\"max\":1"), "\"params[0].default\" is missing"},
        {PARAM("\"min\":2,\"max\":1,\"default\":1"), "\"params[0].min\" is larger than \"max\""},
        {PARAM("\"min\":0,\"max\":1,\"default\":2"), "\"params[0].default\" is not between"},
        {PARAM("\"min\":\"0\",\"max\":1,\"default\":1"), "\"params[0].min\" must be a number"},
        {PARAM("\"min\":0,\"max\":1e999,\"default\":1"), "not JSON"},
        {PARAM("\"min\":0,\"max\":1,\"default\":1,\"step\":1"), "\"params[0].step\" is not a key"},
        {"{" TILE ",\"params\":[{\"name\":\"a\",\"type\":\"integer\",\"min\":0,\"max\":1.5,\"default\":1}]}",
         "\"params[0].max\" must be an integer"},
        {"{" TILE ",\"params\":[{\"name\":\"a=b\",\"type\":\"integer\",\"min\":0,\"max\":1,\"default\":1}]}",
         "\"params[0].name\" must be of small letters"},
        {"{" TILE ",\"params\":[{\"name\":\"a\",\"type\":\"text\",\"min\":0,\"max\":1,\"default\":1}]}",
         "\"params[0].type\" must be \"number\" or \"integer\""},
        {"{" TILE ",\"params\":[{\"name\":\"a\",\"type\":\"number\",\"min\":0,\"max\":1,\"default\":1},"
         "{\"name\":\"a\",\"type\":\"number\",\"min\":0,\"max\":1,\"default\":1}]}",
         "\"params[1].name\" is that of another parameter"},
        {"{" MEASURE "}", "\"state_bytes\" is missing"},
        {"{" MEASURE ",\"state_bytes\":0,\"values\":[{\"name\":\"v\"}]}", "\"state_bytes\" must be"},
        {"{" MEASURE ",\"state_bytes\":1048577,\"values\":[{\"name\":\"v\"}]}", "\"state_bytes\" must be"},
        {"{" MEASURE ",\"state_bytes\":1,\"values\":[]}", "\"values\" must have 1 to 64 elements"},
        {"{" MEASURE ",\"state_bytes\":1,\"values\":[{\"name\":\"v\"},{\"name\":\"v\"}]}",
         "\"values[1].name\" is that of another value"},
        {"{" MEASURE ",\"state_bytes\":1,\"values\":[{\"name\":\"v\",\"count\":65536},{\"name\":\"w\"}]}",
         "\"values[1].count\" makes more than 65536 values"},
        {"{" MEASURE ",\"state_bytes\":1,\"values\":[{\"name\":\"v\",\"count\":0}]}", "\"values[0].count\" must be"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti__descriptor d;
        smalti_error error = {0};
        if (parse(cases[i].text, &d, &error) != SMALTI_E_KERNEL_MODULE)
            TEST_FAIL("not refused: %s", cases[i].text);
        CHECK_HAS(error.message, cases[i].part);
        CHECK_HAS(error.message, "x.wasm: descriptor: ");
        CHECK(!d.json && !d.params && !d.values);
    }
}

TEST("a descriptor cut short anywhere is refused")
{
    const char *text = PARAM("\"min\":0,\"max\":1,\"default\":1,\"unit\":\"px\"");
    smalti__descriptor d;
    smalti_error error;
    CHECK_OK(parse(text, &d, &error), error);
    smalti__descriptor_clear(&d);
    for (size_t size = 0; size < strlen(text); size++) {
        char *cut = malloc(size + 1); /* the sanitizer sees a read past its end */
        memcpy(cut, text, size);
        cut = realloc(cut, size ? size : 1);
        smalti_result result = smalti__descriptor_parse(cut, size, "x.wasm", &d, &error);
        free(cut);
        CHECK_INT(result, SMALTI_E_KERNEL_MODULE);
    }
}
