/* lua SCRIPT [ARGUMENT...], with LuaSocket's parts in C, which a component cannot load. */
#include <stdio.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

int luaopen_socket_core(lua_State *);
int luaopen_socket_unix(lua_State *);

int main(int argc, char **argv) {
    lua_State *state = luaL_newstate();
    luaL_openlibs(state);
    luaL_getsubtable(state, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(state, luaopen_socket_core);
    lua_setfield(state, -2, "socket.core");
    lua_pushcfunction(state, luaopen_socket_unix);
    lua_setfield(state, -2, "socket.unix");
    lua_createtable(state, argc, 0);
    for (int at = 1; at < argc; at++) {
        lua_pushstring(state, argv[at]);
        lua_rawseti(state, -2, at - 1);
    }
    lua_setglobal(state, "arg");
    if (argc < 2 || luaL_dofile(state, argv[1])) {
        fprintf(stderr, "lua: %s\n", argc < 2 ? "no script" : lua_tostring(state, -1));
        return 1;
    }
    lua_close(state);
    return 0;
}
