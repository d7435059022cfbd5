-- client.lua HOST PORT NOBODY: talks to an echo server, and then to a port that has
-- none; client.lua PATH: over a Unix socket.
local socket = require("socket.core")

local function talk(connection)
    connection:settimeout(10)
    assert(connection:send("over LuaSocket\n"))
    print(connection:receive("*l"))
    local ready = socket.select({connection}, nil, 0.01)
    print("ready", #ready)
    connection:close()
    -- An error is thrown and caught, which is setjmp and longjmp.
    local caught, message = pcall(function() connection:send("x") ; error("thrown") end)
    print("caught", caught, message:match("thrown"))
end

if arg[2] then
    local connection = socket.tcp()
    assert(connection:connect(arg[1], tonumber(arg[2])))
    talk(connection)
    local nobody = socket.tcp()
    print(nobody:connect(arg[1], tonumber(arg[3])))
else
    local unix = require("socket.unix")
    local connection = (type(unix) == "table" and unix.stream or unix)()
    assert(connection:connect(arg[1]))
    talk(connection)
end
