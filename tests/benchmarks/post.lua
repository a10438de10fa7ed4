-- wrk -s post.lua URL -- METHOD BODY: sends BODY; %04d in it is another number in each request.
local requests, last = {}, 0

function init(args)
   wrk.method = args[1]
   wrk.headers["Content-Type"] = "application/json"
   for number = 1, 1000 do
      requests[number] = wrk.format(nil, nil, nil, string.format(args[2], number))
   end
end

function request()
   last = last % #requests + 1
   return requests[last]
end
