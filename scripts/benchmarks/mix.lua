-- For wrk: half GetItem, a quarter accepted and a quarter refused UpdateItem, as the tool sends them, ready-made.
local function post(operation, body)
  return wrk.format("POST", "/", {
    ["Content-Type"] = "application/x-amz-json-1.0",
    ["X-Amz-Target"] = "DynamoDB_20120810." .. operation,
    ["X-Amz-Date"] = "20260101T000000Z",
    ["Authorization"] = "AWS4-HMAC-SHA256 Credential=loadtest/20260101/us-east-1/dynamodb/aws4_request, "
      .. "SignedHeaders=host;x-amz-date, Signature=" .. string.rep("0", 64),
  }, body)
end

local function update(units)
  return post("UpdateItem", '{"TableName":"products","Key":{"id":{"S":"p#4"}},"UpdateExpression":'
    .. '"SET quantity = quantity - :units, version = version + :one, last_order = :order",'
    .. '"ConditionExpression":"quantity >= :units","ExpressionAttributeValues":{":units":{"N":"' .. units
    .. '"},":one":{"N":"1"},":order":{"S":"0123456789"}},"ReturnValues":"UPDATED_NEW",'
    .. '"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}')
end

local requests
local turn = 0

function init(_)
  local read = post("GetItem", '{"TableName":"products","Key":{"id":{"S":"p#4"}},"ConsistentRead":true}')
  requests = { read, update("1"), read, update("9999999999999") }
end

function request()
  turn = turn + 1
  return requests[turn % 4 + 1]
end
